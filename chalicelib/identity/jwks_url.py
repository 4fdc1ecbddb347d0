"""Where signing keys may come from: https anywhere, plain http only from this very machine.

Who can change the answer of the JWKS URL can sign tokens for everybody, so it is never fetched over a
line that somebody else could write on (OpenID Connect Discovery 1.0, section 3: `jwks_uri` uses https).
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from chalicelib.core.kernel.text import is_visible_ascii

_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")


def validate_jwks_url(url: str) -> SplitResult:
    """The parts of the URL, after the checks.

    Raises `ValueError` with a sentence that has the rule, not the URL.
    """
    parts = _split(url)
    if parts.username is not None:
        raise ValueError("a JWKS URL must not contain a user name: it is public by nature")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts)):
        return parts
    raise ValueError("a JWKS URL must be https (http only for localhost, 127.x.x.x and ::1)")


def is_loopback(parts: SplitResult) -> bool:
    """Whether the host is this machine by its spelling; no name is looked up."""
    return _LOOPBACK.fullmatch(parts.hostname or "") is not None


def _split(url: str) -> SplitResult:
    # urlsplit drops line breaks and tabs silently, so they are refused before it sees them.
    if is_visible_ascii(url):
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - the property raises for a port that is none
        except ValueError:
            pass
        else:
            if parts.hostname:
                return parts
    raise ValueError("a JWKS URL must be a complete URL such as https://idp.example/.well-known/jwks.json")
