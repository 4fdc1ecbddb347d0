"""A bounded HTTPS GET for key sets. It is imported at the first fetch, because `urllib.request` loads slowly.

Certificates are verified. Redirects are not followed: they could lead to plain HTTP, or into a private network.
Time and size are limited. A proxy of the environment is used except for loopback addresses, so that plain HTTP
never leaves the machine.
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
    """Return the body of the response.

    `timeout` is in seconds, for each wait on the network and for the body as a whole. Raises `OSError` (including
    `urllib.error.URLError` and `TimeoutError`) if the request fails, the status is not 200, or the body has more
    than `max_bytes`; and `ValueError` if the URL is not allowed.
    """
    request = Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 — checked by _opener
    deadline = time.monotonic() + timeout
    try:
        with _opener(url).open(request, timeout=timeout) as response:
            return _read(response, deadline, max_bytes)
    except HTTPError as exc:
        exc.close()
        raise OSError(f"the key server responded with status {exc.code}") from None
    except HTTPException as exc:
        raise OSError(f"the key server's response is not valid HTTP: {type(exc).__name__}") from exc


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
        raise OSError(f"the key server responded with status {response.status}")
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise OSError(f"the key server's response is larger than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the key server's response took too long")
    return bytes(body)
