"""A function: its execution environments, started when they are needed, and the line before them."""

from __future__ import annotations

import json
import threading
from typing import Any

from local.bundle.deployment import FunctionDefinition
from local.bundle.environment import Environment, Machine
from local.gateway.functions import FunctionFailed, PayloadTooLarge


class Function:
    """A handler as the gateway and the schedule call it, `function(event, context)`, from any number of threads.

    Lambda starts as many environments as there are events at the same time, each on a share of some machine, and
    refuses what goes beyond the account's concurrency. Here all share one machine: more than `environments` would
    only make each other slow, so that further events wait in line instead, and none is refused.
    """

    def __init__(self, definition: FunctionDefinition, machine: Machine, environments: int) -> None:
        self._definition = definition
        self._machine = machine
        self._limit = environments
        self._changed = threading.Condition()
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._starting = 0
        self._closed = False

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """The handler's result. Raises FunctionFailed, PayloadTooLarge."""
        payload = json.dumps(event).encode()
        limit = self._machine.identity.max_payload_bytes
        if len(payload) > limit:
            raise PayloadTooLarge
        environment = self._take()
        try:
            answer = environment.invoke(context.aws_request_id, payload, limit)
        finally:
            self._give_back(environment)
        try:
            return json.loads(answer)
        except ValueError:
            raise FunctionFailed("Runtime.MarshalError", "the answer is not JSON") from None

    def close(self) -> None:
        """Ends all environments; events that still wait fail."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = self._all.difference(idle)
            self._changed.notify_all()
        for environment in idle:
            environment.end()
        for environment in busy:
            environment.stop()

    def pids(self) -> list[int]:
        """The processes of its environments."""
        with self._changed:
            return sorted(each.pid for each in self._all)

    def _take(self) -> Environment:
        """An environment that asks for an event: the one that was used last, or a new one."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._idle or self._may_start())
                if self._closed:
                    raise FunctionFailed("Sandbox.Closed", "the instance ends")
                found = self._idle.pop() if self._idle else None
                self._starting += found is None
            if found is None:
                return self._start()
            if found.thaw():
                return found
            self._give_back(found)

    def _may_start(self) -> bool:
        return len(self._all) + self._starting < self._limit

    def _start(self) -> Environment:
        started = None
        try:
            started = Environment(self._definition, self._machine)
        finally:
            with self._changed:
                self._starting -= 1
                if started is not None:
                    self._all.add(started)
                closed = self._closed
                self._changed.notify()
        if closed:
            started.stop()
        try:
            started.wait_until_ready()
        except FunctionFailed:
            self._give_back(started)
            raise
        return started

    def _give_back(self, environment: Environment) -> None:
        with self._changed:
            keeps = environment.is_running() and not self._closed
            if keeps:
                self._idle.append(environment)
            else:
                self._all.discard(environment)
            self._changed.notify()
        if not keeps:
            environment.end()
