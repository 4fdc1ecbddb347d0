"""Passing a request on to the server that it is meant for, and its answer back, byte for byte."""

from __future__ import annotations

import io
import json

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

# RFC 9110, 7.6.1: what is meant for one connection only. The length is that of the body, which is passed on whole.
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
_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # that aiohttp would add of its own


class Upstream:
    """The store or the callback API."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        """`origin` is its URL without a path."""
        self._session = session
        self._origin = origin

    async def forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Its answer, or 502 if there is none; a POST is never sent twice.

        It gets its own Host, as without the guard. So a signature is no longer one over what arrives.
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
            message = f"The guard got no answer from {self._origin} ({type(exc).__name__}); is it running?"
            return web.Response(status=502, text=json.dumps({"message": message}), content_type="application/json")


def client_session() -> aiohttp.ClientSession:
    """Kept alive, as many as are needed at a time, without cookies, proxies or time limits of their own.

    How long to wait is the caller's affair: when it hangs up, its request ends at the other side, too.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
    )


def _as_payload(body: bytes) -> bytes | io.BytesIO | None:
    """The body as aiohttp wants it: a large one as a file, which it sends piece by piece."""
    if len(body) > _LARGE_BODY:
        return io.BytesIO(body)
    return body or None


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers without those of the connection, and without those that `Connection` names."""
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP | named)
