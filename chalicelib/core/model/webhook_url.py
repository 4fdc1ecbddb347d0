"""The URLs that webhooks may have: https on port 443, with a host name.

A local run may also use plain HTTP, any port and IP addresses. The addresses of a name are checked at each attempt
(`chalicelib/webhooks/addresses.py`), not here: they change.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_URL_CHARACTERS = 1_000
_VISIBLE_ASCII = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")
"""At least two labels, the last of which begins with a letter: no spelling of an IP address does."""


class WebhookUrl(NamedTuple):
    """The parts of a URL that a request needs."""

    host: str
    port: int
    is_tls: bool
    target: str
    """The path with the query, as in the request line."""

    @property
    def host_header(self) -> str:
        """The value of the `Host` field (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def parse_webhook_url(url: str, *, local: bool = False) -> WebhookUrl:
    """Return the parts of a URL. `local` also allows plain HTTP, other ports and addresses.

    Raises ValueError with the rule that the URL breaks, without the URL.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise ValueError(f"must have at most {MAX_URL_CHARACTERS} characters")
    if not _VISIBLE_ASCII.fullmatch(url) or "\\" in url:
        raise ValueError("must consist of visible ASCII characters without backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL") from None
    if "@" in parts.netloc:
        raise ValueError("must have no user and password")
    if "#" in url:
        raise ValueError("must have no fragment")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise ValueError("must begin with https://")
    is_tls, host = parts.scheme == "https", (parts.hostname or "").lower()
    usual = 443 if is_tls else 80
    if port not in (None, 443) and not local:
        raise ValueError("must have port 443")
    if not host or (not local and not _HOST_NAME.fullmatch(host)) or len(host) > 253:
        raise ValueError("must have the name of a public host")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookUrl(host, usual if port is None else port, is_tls, target)
