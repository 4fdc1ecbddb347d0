"""Checks of requests against the service descriptions of the SDK: names, types, required parameters and lengths.

The product builds its requests itself, without the SDK, and an engine may accept a request that AWS rejects.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from typing import Any
from urllib.parse import unquote

import botocore.session
from aiohttp import web
from botocore.validate import ParamValidator

CONNECTIONS = "apigatewaymanagementapi"
_CONNECTION_OPERATIONS = {"POST": "PostToConnection", "GET": "GetConnection", "DELETE": "DeleteConnection"}


class RequestModels:
    """Counts the checked requests, and collects the problems of invalid ones. For one thread."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        """The number of requests by service and operation."""
        self.problems: list[str] = []

    def check(self, service: str, request: web.BaseRequest, body: bytes) -> None:
        """Check a request to a service, by its signing name. The problem names parameters, and no values."""
        if service == "execute-api":
            connection_id = unquote(request.raw_path.rpartition("/")[2])
            data = {"Data": body} if request.method == "POST" else {}
            self._check(
                CONNECTIONS, _CONNECTION_OPERATIONS[request.method], {"ConnectionId": connection_id, **data}
            )
            return
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        self._check(service, operation, json.loads(body))

    def _check(self, service: str, operation: str, arguments: dict[str, Any]) -> None:
        self.checked[f"{service}:{operation}"] += 1
        report = ParamValidator().validate(arguments, _input_shape(service, operation))
        if report.has_errors():
            # The report quotes values of a wrong type after a comma.
            problem = "; ".join(line.partition(", value:")[0] for line in report.generate_report().splitlines())
            self.problems.append(f"{service}:{operation}: {problem}")


@functools.cache
def _input_shape(service: str, operation: str) -> Any:
    return _model(service).operation_model(operation).input_shape


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
