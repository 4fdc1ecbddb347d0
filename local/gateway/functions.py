"""Lambda functions in a pool of workers, with a Lambda context and Lambda's limits.

Invariant: the event loop never runs a handler and never blocks on a thread. A handler may call this gateway:
``@connections`` is served by the event loop alone, and an invocation that waits for another one is replaced as a
worker (see ``workers.py``). Lambda starts an environment for each concurrent event; a single machine serves most
with few workers and a queue. Invocations that do not fit are throttled, as by API Gateway.

    InvocationError
    ├── FunctionFailed       the handler raised, or its result is too large or not JSON
    ├── FunctionThrottled    the functions have no concurrency
    ├── GatewayOverloaded    the queue is full, or the invocation waited too long in it; it was not started
    ├── PayloadTooLarge      the event exceeds Lambda's limit
    └── IntegrationTimedOut  the gateway stopped waiting; the handler continues and its result is discarded
"""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

from local.gateway.fair_queue import Job
from local.gateway.ids import Ids
from local.gateway.settings import GatewaySettings
from local.gateway.worker_limits import Limits
from local.gateway.workers import QueueFull, WorkerPool

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
    """The functions' concurrency is 0."""


class GatewayOverloaded(InvocationError):
    """The queue is full, or the invocation waited too long in it. The handler was not called."""


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


class Functions:
    """Invokes handlers in threads; one object per gateway, used from its event loop."""

    def __init__(self, settings: Callable[[], GatewaySettings], ids: Ids) -> None:
        self._settings = settings
        self._ids = ids
        self._pool = WorkerPool(self._limits)
        self._watches_queue = False

    async def invoke(
        self, name: str, handler: Handler, event: dict[str, Any], *, client: str = "", background: bool = False
    ) -> Any:
        """Run ``handler`` on ``event`` and return its result, which is JSON-serializable.

        If all workers are busy, the invocation waits for at most ``queue_timeout``; a ``background`` one waits as
        long as necessary. Invocations of different clients take turns. Cancellation withdraws an invocation that
        has not started.

        Raises:
            InvocationError: The invocation failed; one of the five subclasses.
        """
        settings = self._settings()
        if settings.function_concurrency == 0:
            raise FunctionThrottled
        context = LambdaContext(name, self._ids.long(), settings)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()

        def run() -> None:
            outcome = _call(handler, event, context, settings.max_payload_bytes)
            try:
                loop.call_soon_threadsafe(_complete, future, outcome)
            except RuntimeError:
                log.info("function %s returned after the gateway had stopped", name)

        job = Job(run, client)
        self._submit(loop, job, background)
        timer = _Timer(loop, self._pool, job, future, settings, background=background)
        try:
            outcome = (await future).pop()
        finally:
            timer.cancel()
            self._pool.withdraw(job)
        if isinstance(outcome, IntegrationTimedOut):
            log.warning("function %s did not return within %.1f s", name, timer.limit)
            if settings.function_timeout < settings.integration_timeout:
                outcome = FunctionFailed("Sandbox.Timedout", "Task timed out")
        if not isinstance(outcome, InvocationError):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # neither this frame nor the future refers to the error, whose frames refer to both

    def has_room(self, client: str) -> bool:
        """Return whether an invocation for a client would be queued: a cheap question before its event is made."""
        return self._settings().function_concurrency == 0 or self._pool.has_room(client)

    def threads(self) -> int:
        """Return the number of threads, idle and busy."""
        return self._pool.threads()

    def close(self) -> None:
        """Stop idle threads now, and busy ones when their handler returns."""
        self._pool.close()

    def _limits(self) -> Limits:
        settings = self._settings()
        return Limits(
            min(settings.function_workers, settings.function_concurrency),
            settings.function_concurrency,
            settings.queue_length,
            settings.blocked_after,
        )

    def _submit(self, loop: asyncio.AbstractEventLoop, job: Job, background: bool) -> None:
        try:
            waits = self._pool.submit(job, background=background)
        except QueueFull:
            raise GatewayOverloaded from None
        if waits and not self._watches_queue:
            self._watches_queue = True
            self._watch_queue(loop)

    def _watch_queue(self, loop: asyncio.AbstractEventLoop) -> None:
        """Replace blocked workers as long as invocations wait."""
        if self._pool.replace_blocked():
            loop.call_later(self._settings().blocked_after / 4, self._watch_queue, loop)
        else:
            self._watches_queue = False


class _Timer:
    """Fails an invocation that waits too long in the queue or runs too long."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: WorkerPool,
        job: Job,
        future: "asyncio.Future[list[Any]]",
        settings: GatewaySettings,
        *,
        background: bool,
    ) -> None:
        self.limit = min(settings.integration_timeout, settings.function_timeout)
        self._loop = loop
        self._pool = pool
        self._job = job
        self._future = future
        self._background = background
        self._deadline = loop.time() + self.limit
        wait = self.limit if background else min(settings.queue_timeout, self.limit)
        self._handle = loop.call_later(wait, self._check)

    def cancel(self) -> None:
        """Stop the timer."""
        self._handle.cancel()

    def _check(self) -> None:
        if self._background and not self._job.started:
            self._handle = self._loop.call_later(self.limit, self._check)
        elif self._pool.withdraw(self._job):
            _complete(self._future, GatewayOverloaded())
        elif (remaining := self._deadline - self._loop.time()) > 0:
            self._handle = self._loop.call_later(remaining, self._check)
        else:
            _complete(self._future, IntegrationTimedOut())


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


def _complete(future: "asyncio.Future[list[Any]]", outcome: Any) -> None:
    if not future.done():  # it is if the invocation timed out, or the caller disconnected
        future.set_result([outcome])


def check_event_size(body_size: int, event: dict[str, Any], limit: int) -> None:
    """Reject an event that exceeds Lambda's limit. A small ``body_size`` avoids encoding the event.

    Raises:
        PayloadTooLarge: The event exceeds ``limit`` bytes as JSON.
    """
    if body_size * 8 > limit and len(json.dumps(event, ensure_ascii=False).encode("utf-8")) > limit:
        raise PayloadTooLarge
