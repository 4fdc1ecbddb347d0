"""Forwarding of requests and responses, byte for byte."""

from __future__ import annotations

import io
import json

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

# RFC 9110, section 7.6.1: headers of a single connection. aiohttp computes the length from the body.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_LARGE_BODY = 2**20  # bytes
_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # that aiohttp would add


class Upstream:
    """The server behind the guard: the store or the callback API."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        """`origin` is its URL without a path."""
        self._session = session
        self._origin = origin

    async def forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Forward a request; respond with 502 if the server does not respond. A POST is never retried.

        The Host header is the server's, as without the guard, which invalidates the signature.
        """
        headers = _end_to_end(request.headers)
        headers.popall("Host", None)
        try:
            async with self._session.request(
                request.method,
                URL(self._origin + request.raw_path, encoded=True),
                data=_as_payload(body),
                headers=headers,
                skip_auto_headers=_AUTO_HEADERS,
                allow_redirects=False,
            ) as response:
                payload = await response.read()
                return web.Response(
                    status=response.status,
                    reason=response.reason,
                    body=payload,
                    headers=_end_to_end(response.headers),
                )
        except aiohttp.ClientError as exc:
            message = f"The guard got no response from {self._origin} ({type(exc).__name__}); is it running?"
            return web.Response(status=502, text=json.dumps({"message": message}), content_type="application/json")


def client_session() -> aiohttp.ClientSession:
    """Return a session with unlimited keep-alive connections, without cookies, proxies and timeouts.

    The caller decides how long to wait: if it disconnects, its forwarded request is cancelled too.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
    )


def _as_payload(body: bytes) -> bytes | io.BytesIO | None:
    """Return the body for aiohttp: a large one as a file, which aiohttp sends in chunks."""
    if len(body) > _LARGE_BODY:
        return io.BytesIO(body)
    return body or None


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the headers without hop-by-hop ones and those that `Connection` names."""
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP | named)
