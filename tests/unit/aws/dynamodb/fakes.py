"""Shared fakes of these tests: a client with scripted responses, and errors of the service."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.awshttp import ServiceError
from tests.support.fakes import START_TIME

NOW = int(START_TIME)


class ScriptedClient:
    """A client with one response, or error, after the other. Records the calls."""

    def __init__(self, *script: Mapping[str, Any] | Exception) -> None:
        self.script = deque(script)
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Mapping[str, Any]:
            self.calls.append({"method": method, **arguments})
            response = self.script.popleft()
            if isinstance(response, Exception):
                raise response
            return response

        return call


def service_error(code: str, **more: Any) -> ServiceError:
    return ServiceError({"Error": {"Code": code, "Message": "no"}, **more}, "Operation")


def cancelled(*codes: str) -> ServiceError:
    reasons = [{"Code": code} for code in codes]
    return service_error("TransactionCanceledException", CancellationReasons=reasons)


def typed_item(number: int, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": f"{number}"}, **more}
