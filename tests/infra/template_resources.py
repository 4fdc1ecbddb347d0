"""Parts of the template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
UNKNOWN_PATHS = ("/", "/{proxy+}")
LONGEST_STACK_NAME = len("chat-") + 32
GATEWAY_SECONDS = 29
"""API Gateway's integration timeout (developer guide, "Quotas")."""


def of_type(resources: Json, kind: str) -> Json:
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def functions(resources: Json) -> Json:
    return of_type(resources, "AWS::Serverless::Function")


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for entry in value.values():
            yield from strings(entry)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value
