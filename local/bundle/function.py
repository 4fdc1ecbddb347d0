"""One function: its execution environments, started on demand, and a queue of events in front of them."""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

from local.bundle.execution_environment import ExecutionEnvironment, SharedResources
from local.bundle.resolved_template import FunctionDefinition
from local.gateway.functions import FunctionFailed, PayloadTooLarge


class MixedFunction:
    """A function in two releases, which take turns; a handler like `Function`."""

    def __init__(self, present: Function, other: Function) -> None:
        self._releases = itertools.cycle((present, other))
        self._lock = threading.Lock()

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """Return the result of the next release's handler."""
        with self._lock:
            function = next(self._releases)
        return function(event, context)


class Function:
    """A handler that the gateway and the schedule call as `function(event, context)` from any thread.

    Lambda starts one environment per concurrent event and throttles above the account's concurrency. Here all
    environments share one machine, and more than `environments` would only slow each other down; further events
    wait, and none is throttled.
    """

    def __init__(self, definition: FunctionDefinition, shared: SharedResources, environments: int) -> None:
        self._definition = definition
        self._shared = shared
        self._limit = environments
        self._condition = threading.Condition()
        self._idle: list[ExecutionEnvironment] = []
        self._all: set[ExecutionEnvironment] = set()
        self._starting = 0
        self._closed = False

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """Return the handler's result. Raises FunctionFailed or PayloadTooLarge."""
        payload = json.dumps(event).encode()
        limit = self._shared.gateway_settings.max_payload_bytes
        if len(payload) > limit:
            raise PayloadTooLarge
        environment = self._acquire()
        try:
            response = environment.invoke(context.aws_request_id, payload, limit)
        finally:
            self._release(environment)
        try:
            return json.loads(response)
        except ValueError:
            raise FunctionFailed("Runtime.MarshalError", "the response is not JSON") from None

    def close(self) -> None:
        """Close all environments; waiting events fail."""
        with self._condition:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = self._all.difference(idle)
            self._condition.notify_all()
        for environment in idle:
            environment.close()
        for environment in busy:
            environment.kill()

    def pids(self) -> list[int]:
        """Return the process ids of its environments."""
        with self._condition:
            return sorted(environment.pid for environment in self._all)

    def _acquire(self) -> ExecutionEnvironment:
        """Return an environment that awaits an event: the most recently used idle one, or a new one."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._idle or self._has_capacity())
                if self._closed:
                    raise FunctionFailed("Sandbox.Closed", "the instance is shutting down")
                environment = self._idle.pop() if self._idle else None
                self._starting += environment is None
            if environment is None:
                return self._start()
            if environment.resume():
                return environment
            self._release(environment)

    def _has_capacity(self) -> bool:
        return len(self._all) + self._starting < self._limit

    def _start(self) -> ExecutionEnvironment:
        environment = None
        try:
            environment = ExecutionEnvironment(self._definition, self._shared)
        finally:
            with self._condition:
                self._starting -= 1
                if environment is not None:
                    self._all.add(environment)
                closed = self._closed
                self._condition.notify()
        if closed:
            environment.kill()
        try:
            environment.wait_until_ready()
        except FunctionFailed:
            self._release(environment)
            raise
        return environment

    def _release(self, environment: ExecutionEnvironment) -> None:
        with self._condition:
            reusable = environment.is_running() and not self._closed
            if reusable:
                self._idle.append(environment)
            else:
                self._all.discard(environment)
            self._condition.notify()
        if not reusable:
            environment.close()
