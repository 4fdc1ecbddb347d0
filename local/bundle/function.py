"""A function: its execution environments, started when they are needed, and the line before them."""

from __future__ import annotations

import json
import threading
from typing import Any

from local.bundle.deployment import FunctionDefinition
from local.bundle.environment import ExecutionEnvironment, SharedResources
from local.gateway.functions import FunctionFailed, PayloadTooLarge


class Function:
    """A handler as the gateway and the schedule call it, `function(event, context)`, from any number of threads.

    Lambda starts as many environments as there are events at the same time, each on a share of some machine, and
    refuses what goes beyond the account's concurrency. Here all share one machine: more than `environments` would
    only make each other slow, so that further events wait in line instead, and none is refused.
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
        """The handler's result. Raises FunctionFailed, PayloadTooLarge."""
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
            raise FunctionFailed("Runtime.MarshalError", "the answer is not JSON") from None

    def close(self) -> None:
        """Ends all environments; events that still wait fail."""
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
        """The processes of its environments."""
        with self._condition:
            return sorted(each.pid for each in self._all)

    def _acquire(self) -> ExecutionEnvironment:
        """An environment that asks for an event: the one that was used last, or a new one."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._idle or self._has_capacity())
                if self._closed:
                    raise FunctionFailed("Sandbox.Closed", "the instance ends")
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
