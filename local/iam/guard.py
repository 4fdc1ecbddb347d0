"""The guard: a reverse proxy in front of store, queues and callback API that enforces the policies."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from aiohttp import web

from local.gateway.ports import BACKLOG, HOST, listen
from local.gateway.server import loop_factory
from local.iam.access import RequestDenied, Service
from local.iam.authorization import Authorization
from local.iam.callback_api import CallbackApi
from local.iam.dynamodb import DynamoDb
from local.iam.errors import IamError
from local.iam.record import AllowedCall, DeniedCall, Permission, PermissionRecord
from local.iam.sqs import Sqs
from local.iam.upstream import Upstream, client_session
from local.policy import parse_identity_policy

if TYPE_CHECKING:
    from local.iam.request_models import RequestModels

_MAX_LINE = 65_536
_SHUTDOWN_SECONDS = 0.3


class Guard:
    """A reverse proxy for the store, its queues and the callback API, on three free ports of 127.0.0.1.

    A context manager that runs it in a thread; its URLs are known after entry, and its record after exit too.
    """

    def __init__(
        self,
        policies: Mapping[str, Sequence[Mapping[str, Any]]],
        store_url: str,
        management_url: str,
        *,
        region: str,
        account: str,
        api: str,
        partition: str = "aws",
        models: RequestModels | None = None,
    ) -> None:
        """`policies` are the statements of each function by access key id, without intrinsic functions.

        The queues are at `store_url` too. `management_url` is the callback API's endpoint, including the stage.
        `region`, `account` and `api` (the id of the WebSocket API) are parts of the ARNs to check. `models` checks
        each allowed request.

        Raises InvalidPolicy if a statement is malformed or has Condition, NotAction or NotResource, and
        IamError if `management_url` has no stage.
        """
        store, management = _origin(store_url), _origin(management_url)
        self._path = urlsplit(management_url).path.rstrip("/")
        if not self._path:
            raise IamError(f"{management_url} does not end with a stage, as in http://127.0.0.1:8000/dev.")
        self._endpoints: Sequence[tuple[Service, str]] = (
            (DynamoDb(partition, region, account), store),
            (CallbackApi(partition, region, account, api, self._path), management),
            (Sqs(partition, region), store),
        )
        parsed = {
            function: parse_identity_policy(function, statements) for function, statements in policies.items()
        }
        self._record = PermissionRecord(parsed, (service.signing_name for service, _ in self._endpoints))
        roles = f"arn:{partition}:sts::{account}:assumed-role"
        self._authorization = Authorization(parsed, self._record, region, roles)
        self._models = models
        self._listeners: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop_requested: asyncio.Event

    def start(self) -> Self:
        """Bind the ports and serve them; return when they respond."""
        if self._thread is not None:
            raise RuntimeError("the guard has already been started")
        self._listeners = listen([0] * len(self._endpoints))
        self._thread = threading.Thread(target=self._run, name="iam guard", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self.stop()
            raise self._failure
        return self

    def stop(self) -> None:
        """Abort running requests and free the ports. Idempotent."""
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop_requested.set)
            self._thread.join()
        for listener in self._listeners:
            listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def store_url(self) -> str:
        """The functions' AWS_ENDPOINT_URL_DYNAMODB."""
        return self._url(0)

    @property
    def management_url(self) -> str:
        """The functions' endpoint of the callback API, including the stage."""
        return self._url(1) + self._path

    @property
    def queues_url(self) -> str:
        """The functions' AWS_ENDPOINT_URL_SQS."""
        return self._url(2)

    def calls(self) -> list[AllowedCall]:
        """Return the allowed calls with their counts, by function, action, resource and sid."""
        return self._record.calls()

    def denied(self) -> list[DeniedCall]:
        """Return the denied calls with their counts; `function` is None for an unknown key."""
        return self._record.denied()

    def unused(self) -> list[Permission]:
        """Return the permissions for dynamodb, execute-api and sqs that no call has used.

        If several statements allow the same, only the first counts as used: the others are redundant.
        """
        return self._record.unused()

    def record(self) -> dict[str, list[dict[str, Any]]]:
        """Return `calls`, `denied`, `unused` and `unwatched` (other services' permissions), for JSON."""
        return self._record.as_json()

    # Internals

    def _url(self, index: int) -> str:
        if not self._listeners:
            raise RuntimeError("the guard has no URLs before it is started")
        return f"http://{HOST}:{self._listeners[index].getsockname()[1]}"

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as exc:  # noqa: BLE001 - passed to the thread that waits in start()
            self._failure = exc
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_requested = asyncio.Event()
        async with client_session() as session:
            runners = [
                await self._open(service, Upstream(session, origin), listener)
                for (service, origin), listener in zip(self._endpoints, self._listeners, strict=True)
            ]
            self._ready.set()
            await self._stop_requested.wait()
            await asyncio.gather(*(runner.cleanup() for runner in runners))

    async def _open(self, service: Service, upstream: Upstream, listener: socket.socket) -> web.ServerRunner:
        """Start to serve one service."""

        async def handle(request: web.BaseRequest) -> web.Response:
            body = await request.content.read()
            try:
                self._authorization.check(service, request, body)
            except RequestDenied as refusal:
                return service.error_response(refusal)
            if self._models is not None:
                self._models.check(service.signing_name, request, body)
            return await upstream.forward(request, body)

        server = web.Server(
            handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        return runner


def _origin(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
