"""A cold start pays for what it uses: slow libraries are loaded by the first token that needs them.

Each test runs in a new interpreter and checks which modules are loaded there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chalicelib import identity

from .minting import SECRET, Keys, claims, hs256, jwk_set, rs256, rsa_jwk

ROOT = Path(identity.__file__).parents[2]
SLOW = ("jwt", "cryptography", "urllib.request", "http.client", "ssl", "pydantic", "boto3", "chalice")
IMPORTS = """
import sys
from chalicelib.identity import credentials, errors, jwks, model, settings, tickets, tokens
def loaded():
    return [name for name in {slow!r} if name in sys.modules]
"""


def run(script: str) -> str:
    """Return the output of a script in a new interpreter, run from the root of the project."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS.format(slow=SLOW) + script],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_slow() -> None:
    assert run("print(loaded())") == "[]"


def test_settings_verifier_and_keys_are_made_without_loading_anything_slow() -> None:
    script = f"""
url = "https://idp.example/jwks"
made = settings.IdentitySettings(secret={SECRET!r}, jwks_url=url, issuer=None, audience=None)
tokens.TokenVerifier(made, keys=jwks.JwksKeys(url))
tickets.ticket_key(tickets.new_ticket())
print(loaded())
"""
    assert run(script) == "[]"


def test_hs256_is_verified_without_loading_anything_slow() -> None:
    script = f"""
limits = dict(issuer=None, audience=None, max_lifetime=4_000_000_000)
made = settings.IdentitySettings(secret={SECRET!r}, jwks_url=None, **limits)
print(tokens.TokenVerifier(made, keys=None).verify({hs256(claims(exp=4_000_000_000))!r}).participant_id, loaded())
"""
    assert run(script) == "alice []"


def test_rs256_token_loads_cryptography_but_not_urllib_without_a_fetch(keys: Keys) -> None:
    token = rs256(claims(exp=4_000_000_000), keys.rsa, kid="k")
    script = f"""
url = "https://idp.example/jwks"
limits = dict(issuer=None, audience=None, max_lifetime=4_000_000_000)
made = settings.IdentitySettings(secret=None, jwks_url=url, **limits)
source = jwks.JwksKeys(url, fetch=lambda _: {jwk_set(rsa_jwk(keys.rsa, kid="k"))!r})
print(tokens.TokenVerifier(made, keys=source).verify({token!r}).participant_id, loaded()[:2])
"""
    assert run(script) == "alice ['jwt', 'cryptography']"
