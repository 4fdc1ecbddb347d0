"""The secret that signs tokens for a bundle, in place of the one in Systems Manager.

A development stage names an SSM parameter, which does not exist locally, and the well-known development secret is
rejected by code that runs in Lambda. So a random secret is stored next to the bundle, for its functions and for
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
_CLAIM_SETTINGS = (
    "CHAT_JWT_ISSUER",
    "CHAT_JWT_AUDIENCE",
    "CHAT_JWT_TYPE_CLAIM",
    "CHAT_SERVICE_SCOPE",
    "CHAT_SERVICE_CLIENTS",
)
_SECRET_FILE = "jwt-secret"  # noqa: S105  (a file name)


def signing_settings(directory: Path, template: Mapping[str, Any], shell: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with which `local.tokens` signs tokens for a built stage; the shell overrides them.

    Raises BundleError if there is no secret and none can be stored.
    """
    claims = {name: value for name, value in _environment_variables(template).items() if name in _CLAIM_SETTINGS}
    overrides = {name: shell[name] for name in (SECRET, *_CLAIM_SETTINGS) if name in shell}
    secret = {} if SECRET in overrides else {SECRET: _load_or_create_secret(directory / _SECRET_FILE)}
    return {**claims, **secret, **overrides}


def _environment_variables(template: Mapping[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    shared = template.get("Globals", {}).get("Function", {})
    for properties in (shared, *(resource["Properties"] for resource in template["Resources"].values())):
        environment = properties.get("Environment", {})
        variables |= environment.get("Variables", {})
    return variables


def _load_or_create_secret(path: Path) -> str:
    """Return the secret in a file, created if missing; concurrent callers get the same one."""
    try:
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="ascii")
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # readable only by this user
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
            f"{path} cannot be written ({exc.strerror}). Set {SECRET} instead, to at least 32 characters."
        ) from None
