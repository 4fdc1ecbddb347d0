"""One bounded GET of a key set over HTTPS. Imported at the first fetch, for `urllib.request` is slow to load.

Certificates are verified, redirects are not followed (they could lead to plain http, or into a private
network), and the answer may be neither slow nor large. A proxy is taken from the environment as usual,
but never on the way to this very machine: the plain http that is allowed there must not leave it.
"""

from __future__ import annotations

import time
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from chalicelib.identity.jwks_url import is_loopback, validate_jwks_url

TIMEOUT = 3.0
MAX_BYTES = 256 * 1024
_CHUNK = 64 * 1024


def get_document(url: str, *, timeout: float = TIMEOUT, max_bytes: int = MAX_BYTES) -> bytes:
    """The body of a successful answer.

    `timeout` is in seconds, for each wait on the network and for the body as a whole. Raises `OSError` (of
    which `urllib.error.URLError` and `TimeoutError` are kinds) for whatever goes wrong on the way, an
    answer other than 200 or above `max_bytes` included, and `ValueError` for a URL that is not allowed.
    """
    request = Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 - checked by _opener
    deadline = time.monotonic() + timeout
    try:
        with _opener(url).open(request, timeout=timeout) as response:
            return _read(response, deadline, max_bytes)
    except HTTPError as exc:
        exc.close()
        raise OSError(f"the key server answered with status {exc.code}") from None
    except HTTPException as exc:
        raise OSError(f"the key server's answer is no HTTP: {type(exc).__name__}") from exc


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _opener(url: str) -> OpenerDirector:
    if is_loopback(validate_jwks_url(url)):
        return build_opener(_NoRedirect, ProxyHandler({}))
    return build_opener(_NoRedirect)


def _read(response: HTTPResponse, deadline: float, max_bytes: int) -> bytes:
    if response.status != 200:
        raise OSError(f"the key server answered with status {response.status}")
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise OSError(f"the key server's answer is larger than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the key server's answer took too long")
    return bytes(body)
