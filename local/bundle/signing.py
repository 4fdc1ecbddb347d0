"""The secret that signs tokens for a bundle: what Systems Manager holds on AWS, made up here.

A stage for development names a parameter; here there is none to read, and the secret that everybody knows is
refused by whatever runs in Lambda. So a random one is kept beside the bundle, for its functions and for
`python -m local token --bundle …`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.bundle.errors import BundleError

SECRET = "CHAT_JWT_SECRET"  # noqa: S105  (the name of a variable)
PARAMETER = "CHAT_JWT_SECRET_PARAMETER"
_CLAIM_SETTINGS = ("CHAT_JWT_ISSUER", "CHAT_JWT_AUDIENCE")
_SECRET_FILE = "jwt-secret"


def signing_settings(directory: Path, template: Mapping[str, Any], shell: Mapping[str, str]) -> dict[str, str]:
    """What `local.tokens` needs for tokens that the functions of a built stage accept; the shell goes first.

    Raises BundleError where there is no secret and none can be kept.
    """
    claims = {name: value for name, value in _environment_variables(template).items() if name in _CLAIM_SETTINGS}
    overrides = {name: shell[name] for name in (SECRET, *_CLAIM_SETTINGS) if name in shell}
    secret = {} if SECRET in overrides else {SECRET: _load_or_create_secret(directory / _SECRET_FILE)}
    return {**claims, **secret, **overrides}


def _environment_variables(template: Mapping[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    shared = template.get("Globals", {}).get("Function", {})
    for properties in (shared, *(each["Properties"] for each in template["Resources"].values())):
        environment = properties.get("Environment", {})
        variables |= environment.get("Variables", {})
    return variables


def _load_or_create_secret(path: Path) -> str:
    """The secret in a file, made if need be; whoever makes it at the same time gets the same."""
    try:
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="ascii")
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # for nobody else to read
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink()
        return path.read_text(encoding="ascii")
    except OSError as exc:
        raise BundleError(
            f"{path} cannot be kept ({exc.strerror}). Set {SECRET} instead, to 32 characters or more."
        ) from None
