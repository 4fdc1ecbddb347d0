"""The HTTP headers of the web page.

The page runs no script but its own files, turns no string into markup (`trusted-types 'none'`), and contacts no
origin but those that it was configured for: the HTTP API, the WebSocket API and the identity provider. Sources:
Content Security Policy Level 3, Trusted Types, and the Fetch standard for the `Cross-Origin-…` headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
NEVER_STORED = "no-store"
ASSETS = "assets"
"""The folder of the build whose file names contain a digest of the content."""
CONFIG = "config.json"
COMPONENT = "serverless-chat.js"

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


def content_security_policy(connect: Sequence[str], images: Sequence[str] = ()) -> str:
    """Return the policy of a page that may connect to these URLs' origins, and load images of further origins."""
    connections = sorted({origin_of(url) for url in connect})
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", *images],
        "font-src": ["'self'"],
        "connect-src": ["'self'", *connections],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def security_headers(policy: str) -> dict[str, str]:
    """Return the headers of every response, with a Content-Security-Policy."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def sharing_headers(path: str) -> dict[str, str]:
    """Return the headers that allow other origins' pages to load the component and its parts, and nothing else."""
    if is_component(path):
        return {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return {"Cross-Origin-Resource-Policy": "same-origin"}


def is_component(path: str) -> bool:
    """Return whether a file of the build is the component or one of its parts."""
    return path == COMPONENT or PurePosixPath(path).parts[:1] == (ASSETS,)


def cache_control(path: str) -> str:
    """Return how long a file of the build may be cached: for ever if its name changes with its content."""
    if path == CONFIG:
        return NEVER_STORED
    return IMMUTABLE if PurePosixPath(path).parts[:1] == (ASSETS,) else REVALIDATED


def media_type(path: str) -> str:
    """Return the Content-Type of a file of the build."""
    return MEDIA_TYPES.get(PurePosixPath(path).suffix, "application/octet-stream")


def origin_of(url: str) -> str:
    """Return the scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
