"""A pytest plugin: each request of the product must be valid by the service descriptions of the SDK.

    python -m pytest -p tests.support.request_models tests/functional tests/unit/core

The product builds the requests itself, and an emulator may accept a request that the service rejects. Checked are
names, types, required parameters and lengths, as the SDK would check them before it sends a request.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from chalicelib.awshttp import AwsJsonClient
from local.dynamodb.client import EngineClient

CHECKED: Counter[str] = Counter()
"""The number of checked requests by service and operation."""


def check(service: str, operation: str, arguments: Mapping[str, Any]) -> None:
    """Fail the test if a request is invalid; the message has the problem, and no values."""
    shape = _model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(dict(arguments), shape)
    CHECKED[f"{service}:{operation}"] += 1
    if report.has_errors():
        pytest.fail(f"{service} {operation}: {report.generate_report()}")


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


class _Checked:
    """The patched methods, which check before they call the original ones."""

    construct = AwsJsonClient.__init__
    call = AwsJsonClient.call
    call_engine = EngineClient._call


def pytest_configure() -> None:
    """Check the requests of the product's clients, and of the engine that replaces the store."""
    services: dict[int, str] = {}

    def construct(self: AwsJsonClient, endpoint: str, service: str, *more: Any) -> None:
        services[id(self)] = service
        _Checked.construct(self, endpoint, service, *more)

    def call(self: AwsJsonClient, operation: str, arguments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        check(services[id(self)], operation, arguments)
        return _Checked.call(self, operation, arguments, **more)

    def call_engine(self: EngineClient, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        check("dynamodb", operation, arguments)
        return _Checked.call_engine(self, operation, arguments)

    AwsJsonClient.__init__ = construct  # type: ignore[assignment, method-assign]
    AwsJsonClient.call = call  # type: ignore[method-assign]
    EngineClient._call = call_engine  # type: ignore[method-assign]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print which operations were checked."""
    for name, count in sorted(CHECKED.items()):
        terminalreporter.write_line(f"{count:>7} {name} requests are valid")
