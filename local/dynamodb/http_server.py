"""The engine over HTTP: DynamoDB's JSON 1.0 protocol, for the packaged bundle and for foreign tools.

One request is carried out at a time, in the server's event loop: an operation takes tens of microseconds, less
than handing it to a thread would. Signatures must be there and are not verified, as in DynamoDB Local.
"""

from __future__ import annotations

import itertools
import json
import logging
import socket
import zlib
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError, internal_server_error

CONTENT_TYPE = "application/x-amz-json-1.0"
MAX_BODY = 16 * 1024 * 1024 + 64 * 1024
"""The largest request of DynamoDB is a BatchWriteItem of 16 MB."""
BACKLOG = 128
KEEP_ALIVE_SECONDS = 75.0
_TARGET = "DynamoDB_20120810."
_DECODER = json.JSONDecoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
log = logging.getLogger(__name__)


class HttpServer:
    """See the module. `start` begins to serve on a bound socket, in the running event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runner: web.ServerRunner | None = None
        self._numbers = itertools.count(1)

    async def start(self, listener: socket.socket) -> None:
        """Begin to serve."""
        server = web.Server(self._handle, keepalive_timeout=KEEP_ALIVE_SECONDS, access_log=None)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """End: requests under way are answered, idle connections closed."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response(text="healthy: dynamodb.local\n")  # as the real endpoint answers a GET
        status, content = self._answer(request.headers, await self._body(request))
        body = _ENCODER.encode(content).encode()
        headers = {
            "Content-Type": CONTENT_TYPE,
            "x-amzn-RequestId": f"local-{next(self._numbers)}",
            # The SDKs check it, which finds a truncated answer.
            "x-amz-crc32": str(zlib.crc32(body)),
        }
        return web.Response(status=status, body=body, headers=headers)

    async def _body(self, request: web.BaseRequest) -> bytes | None:
        """Return the body, or None if it is larger than any request of DynamoDB."""
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY:
                return None
        return bytes(body)

    def _answer(self, headers: Mapping[str, str], body: bytes | None) -> tuple[int, dict[str, Any]]:
        try:
            return 200, self._engine.call(_operation(headers), _arguments(body))
        except DynamoError as error:
            return error.status, error.wire
        except Exception:
            log.exception("an operation failed")
            failure = internal_server_error()
            return failure.status, failure.wire


def _operation(headers: Mapping[str, str]) -> str:
    target = headers.get("X-Amz-Target", "")
    if not target.startswith(_TARGET):
        raise DynamoError("UnknownOperationException", f"X-Amz-Target does not begin with {_TARGET}: {target}")
    if "Authorization" not in headers:
        raise DynamoError("MissingAuthenticationTokenException", "Request is missing Authentication Token")
    return target.removeprefix(_TARGET)


def _arguments(body: bytes | None) -> dict[str, Any]:
    if body is None:
        raise DynamoError("RequestEntityTooLargeException", f"The request is larger than {MAX_BODY} bytes", 413)
    try:
        arguments = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        raise DynamoError("SerializationException", "The request is not valid JSON") from None
    if not isinstance(arguments, dict):
        raise DynamoError("SerializationException", "The request is not a JSON object")
    return arguments
