"""Validation of JWKS URLs: https, or plain http for loopback addresses.

Anyone who can change the response of a JWKS URL can sign tokens for every user, so plain http is not safe (OpenID
Connect Discovery 1.0 section 3: `jwks_uri` uses https).
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from chalicelib.core.kernel.text import is_visible_ascii

_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")


def validate_jwks_url(url: str) -> SplitResult:
    """Return the parts of the URL. Raises `ValueError` if it is not allowed; the message does not have the URL."""
    parts = _split(url)
    if parts.username is not None:
        raise ValueError("a JWKS URL must not contain a user name: key sets are public")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts)):
        return parts
    raise ValueError("a JWKS URL must be https (http only for localhost, 127.x.x.x and ::1)")


def is_loopback(parts: SplitResult) -> bool:
    """Return whether the host is a loopback address or `localhost`. No name is resolved."""
    return _LOOPBACK.fullmatch(parts.hostname or "") is not None


def _split(url: str) -> SplitResult:
    # urlsplit silently removes line breaks and tabs, so they are rejected first.
    if is_visible_ascii(url):
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 — the property raises if the port is invalid
        except ValueError:
            pass
        else:
            if parts.hostname:
                return parts
    raise ValueError("a JWKS URL must be a complete URL such as https://idp.example/.well-known/jwks.json")
