"""Lambda functions in threads, with a Lambda context and Lambda's limits.

Invariant: the event loop never runs a handler and never blocks on a thread. A handler may call this gateway
(``@connections``), so every invocation has its own thread, up to the account's concurrency; beyond it an
invocation is throttled, as on Lambda, and never queued.

    InvocationError
    ├── FunctionFailed       the handler raised, or its result is too large or not JSON
    ├── FunctionThrottled    too many concurrent invocations
    ├── PayloadTooLarge      the event exceeds Lambda's limit
    └── IntegrationTimedOut  the gateway stopped waiting; the handler continues and its result is discarded
"""

import asyncio
import json
import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from local.gateway.ids import Ids
from local.gateway.settings import GatewaySettings

Handler = Callable[[dict[str, Any], Any], Any]

log = logging.getLogger(__name__)


class InvocationError(Exception):
    """An invocation without a usable result."""


class FunctionFailed(InvocationError):
    """The function failed; ``error_type`` and ``error_message`` are those that Lambda would report."""

    def __init__(self, error_type: str, error_message: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type
        self.error_message = error_message


class FunctionThrottled(InvocationError):
    """The account's concurrency is exhausted."""


class PayloadTooLarge(InvocationError):
    """The event exceeds the limit of a synchronous invocation."""


class IntegrationTimedOut(InvocationError):
    """The integration timeout expired before the function returned."""


class LambdaContext:
    """The context object that Lambda's Python runtime passes to a handler."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, function_name: str, request_id: str, settings: GatewaySettings) -> None:
        arn = f"arn:aws:lambda:{settings.region}:{settings.account_id}:function:{function_name}"
        self.function_name = function_name
        self.aws_request_id = request_id
        self.memory_limit_in_mb = str(settings.function_memory_mb)
        self.invoked_function_arn = arn
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = f"local/[$LATEST]{request_id.replace('-', '')}"
        self._deadline = time.monotonic() + settings.function_timeout

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout, at least 0."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def _raise_location(exc: BaseException) -> str:
    """Return the file and line that raised ``exc``, without its message, which may contain private data."""
    frames = traceback.extract_tb(exc.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown location"


class _Worker(threading.Thread):
    """A reusable thread that runs one job at a time; a daemon, so that it never blocks the exit."""

    def __init__(self, number: int, release: Callable[["_Worker"], None]) -> None:
        super().__init__(name=f"lambda-{number}", daemon=True)
        self.jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._release = release

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            job()
            self._release(self)


class Functions:
    """Invokes handlers in threads; one object per gateway, used from its event loop."""

    def __init__(self, settings: Callable[[], GatewaySettings], ids: Ids) -> None:
        self._settings = settings
        self._ids = ids
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._started = 0
        self._running = 0
        self._closed = False

    async def invoke(self, name: str, handler: Handler, event: dict[str, Any]) -> Any:
        """Run ``handler`` on ``event`` and return its result, which is JSON-serializable.

        Raises:
            InvocationError: The invocation failed; one of the four subclasses.
        """
        settings = self._settings()
        limit = min(settings.integration_timeout, settings.function_timeout)
        context = LambdaContext(name, self._ids.long(), settings)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def job() -> None:
            outcome = _call(handler, event, context, settings.max_payload_bytes)
            try:
                loop.call_soon_threadsafe(_complete, future, outcome)
            except RuntimeError:
                log.info("function %s returned after the gateway had stopped", name)

        self._start(job)
        try:
            async with asyncio.timeout(limit):
                return await future
        except TimeoutError:
            log.warning("function %s did not return within %.1f s", name, limit)
            if settings.function_timeout < settings.integration_timeout:
                raise FunctionFailed("Sandbox.Timedout", "Task timed out") from None
            raise IntegrationTimedOut(name) from None

    def close(self) -> None:
        """Stop idle threads now, and busy ones when their handler returns."""
        with self._lock:
            self._closed = True
            for worker in self._idle:
                worker.jobs.put(None)
            self._idle.clear()

    def _start(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._running >= self._settings().function_concurrency:
                raise FunctionThrottled
            self._running += 1
            worker = self._idle.pop() if self._idle else None
            if worker is None:
                self._started += 1
                worker = _Worker(self._started, self._release)
                worker.start()
        worker.jobs.put(job)

    def _release(self, worker: _Worker) -> None:
        with self._lock:
            self._running -= 1
            if self._closed:
                worker.jobs.put(None)
            else:
                self._idle.append(worker)


def _call(handler: Handler, event: dict[str, Any], context: LambdaContext, limit: int) -> Any:
    """Run the handler as Lambda's runtime does: every exception and encoding error is a function error."""
    try:
        result = handler(event, context)
        encoded = json.dumps(result)
    except InvocationError as failure:  # from a function in another process, which has logged it
        return failure
    except BaseException as exc:  # noqa: BLE001 - the runtime reports whatever a function raises
        log.error("function %s raised %s at %s", context.function_name, type(exc).__name__, _raise_location(exc))
        return FunctionFailed(type(exc).__name__, str(exc))
    if len(encoded) > limit:
        log.error("function %s returned %d bytes", context.function_name, len(encoded))
        return FunctionFailed("Function.ResponseSizeTooLarge", "Response payload size exceeded")
    return result


def _complete(future: "asyncio.Future[Any]", outcome: Any) -> None:
    if future.done():  # timed out, or the caller disconnected
        return
    if isinstance(outcome, InvocationError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def check_event_size(body_size: int, event: dict[str, Any], limit: int) -> None:
    """Reject an event that exceeds Lambda's limit. A small ``body_size`` avoids encoding the event.

    Raises:
        PayloadTooLarge: The event exceeds ``limit`` bytes as JSON.
    """
    if body_size * 8 > limit and len(json.dumps(event, ensure_ascii=False).encode("utf-8")) > limit:
        raise PayloadTooLarge
