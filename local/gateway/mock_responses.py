"""Mock integrations that answer without a function: responses to unknown paths and to wrong methods.

``infra/mock_responses.json`` is the deployed definition, of which the template makes the mock integrations.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

DEFAULT_PATH = Path(__file__).parents[2] / "infra" / "mock_responses.json"
ANY = "ANY"
"""The method of a resource that answers all methods that it does not declare."""
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""The methods that ``ANY`` matches (API Gateway Developer Guide, "Set up a method request")."""
UNKNOWN_PATHS = ("/", "/{proxy+}")
_REQUEST_ID = "$context.requestId"


@dataclass(frozen=True)
class MockResponse:
    """The response of a mock integration; ``body`` may refer to the request id."""

    status: int
    headers: Mapping[str, str]
    body: str

    def render(self, request_id: str) -> bytes:
        """Return the body of one response."""
        return self.body.replace(_REQUEST_ID, request_id).encode()


def mocks_of(methods_by_resource: Mapping[str, set[str]]) -> dict[tuple[str, str], MockResponse]:
    """Return the mocks that are deployed with these resources, by resource and method."""
    definition = json.loads(DEFAULT_PATH.read_text("utf-8"))
    responses = {
        name: MockResponse(entry["StatusCode"], entry["Headers"], entry["Body"])
        for name, entry in definition.items()
    }
    wrong_method, unknown_path = responses["METHOD_NOT_ALLOWED"], responses["NOT_FOUND"]
    mocks = {(path, ANY): unknown_path for path in UNKNOWN_PATHS}
    for resource, methods in methods_by_resource.items():
        headers = {**wrong_method.headers, "Allow": ", ".join(sorted(methods))}
        mocks[resource, ANY] = replace(wrong_method, headers=headers)
    return mocks
