"""The engines over HTTP: the JSON 1.0 protocol of DynamoDB and SQS, for the packaged bundle and for other tools.

One request is executed at a time, in the server's event loop: an operation takes tens of microseconds, less than
handing it to a thread would. Only a receive that waits for a message has a thread. Signatures must be present and
are not verified, as in DynamoDB Local.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError, internal_server_error
from local.gateway.ports import BACKLOG
from local.sqs.errors import SqsError, internal_error
from local.sqs.queues import Queues

CONTENT_TYPE = "application/x-amz-json-1.0"
MAX_BODY = 16 * 1024 * 1024 + 64 * 1024
"""The largest request of DynamoDB is a BatchWriteItem of 16 MB."""
KEEP_ALIVE_SECONDS = 75.0
SHUTDOWN_SECONDS = 1.0
"""For requests under way when the server stops."""
MAX_RECEIVERS = 32
"""Receives that wait at the same time; further ones wait for these."""
_TARGET = "DynamoDB_20120810."
_SQS_TARGET = "AmazonSQS."
_DECODER = json.JSONDecoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
log = logging.getLogger(__name__)


class HttpServer:
    """See the module. `start` begins to serve on a bound socket, in the running event loop."""

    def __init__(self, engine: Engine, queues: Queues | None = None) -> None:
        self._engine = engine
        self._queues = queues
        self._receivers = ThreadPoolExecutor(MAX_RECEIVERS, thread_name_prefix="receive")
        self._runner: web.ServerRunner | None = None
        self._numbers = itertools.count(1)

    async def start(self, listener: socket.socket) -> None:
        """Begin to serve."""
        server = web.Server(self._handle, keepalive_timeout=KEEP_ALIVE_SECONDS, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """End: requests under way are answered, idle connections closed."""
        if self._queues is not None:
            self._queues.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._receivers.shutdown(wait=False)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response(text="healthy: dynamodb.local\n")  # as the real endpoint answers a GET
        target, body = request.headers.get("X-Amz-Target", ""), await self._body(request)
        headers: Mapping[str, str] = {}
        if self._queues is not None and target.startswith(_SQS_TARGET):
            operation = target.removeprefix(_SQS_TARGET)
            status, content, headers = await self._queue_answer(self._queues, operation, body)
        else:
            status, content = self._answer(request.headers, body)
        encoded = _ENCODER.encode(content).encode()
        return web.Response(status=status, body=encoded, headers={**self._headers(encoded), **headers})

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": CONTENT_TYPE,
            "x-amzn-RequestId": f"local-{next(self._numbers)}",
            # DynamoDB's SDKs check it, which finds a truncated answer.
            "x-amz-crc32": str(zlib.crc32(body)),
        }

    async def _queue_answer(
        self, queues: Queues, operation: str, body: bytes | None
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        try:
            arguments = _arguments(body)
            if arguments.get("WaitTimeSeconds"):
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._receivers, queues.call, operation, arguments)
            else:
                answer = queues.call(operation, arguments)
        except SqsError as error:
            failure = error
        except DynamoError as error:  # of the request's body
            failure = SqsError(error.code, error.message, error.status)
        except Exception:
            log.exception("an operation of SQS failed")
            failure = internal_error()
        else:
            return 200, answer, {}
        return failure.status, failure.wire, failure.headers

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
