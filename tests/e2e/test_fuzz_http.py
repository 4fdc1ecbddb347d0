"""Requests that schemathesis generates from the published OpenAPI document, sent to a running server.

Valid and invalid requests one by one, and chains along the links of the document. No response is a server error,
and each one has a documented status, headers, content type and body.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given, seed
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.transport import Response

from tests.e2e.conftest import MakeClients, client_factory
from tests.e2e.fuzzing import CHAINS, EXAMPLES, SEED, Until, bounded, chained, seeded
from tests.e2e.selection import sample
from tests.support.client import HttpClient, TestClient
from tests.support.server import ServerProcess

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
for methods in DOCUMENT["paths"].values():
    for method in methods.values():
        # The headers of services, which a person may not send.
        kept = [parameter for parameter in method.get("parameters", ()) if "$ref" not in parameter]
        method["parameters"] = kept
OPERATIONS: dict[str, dict[str, Any]] = {
    method["operationId"]: method for methods in DOCUMENT["paths"].values() for method in methods.values()
}
STEPS = 8
ROUNDS = max(EXAMPLES // 4, 1)

load_all_checks()
CHECKS = [
    not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_headers_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.negative_data_rejection,
]
"""Without `positive_data_acceptance`: the document cannot express all rules (`specs/rules.py`)."""


class OutOfTime(Exception):
    """The deadline has passed without a failure."""


def parameters(name: str, place: str) -> set[str]:
    """Return the parameters of an operation in this place."""
    return {parameter["name"] for parameter in OPERATIONS[name].get("parameters", ()) if parameter["in"] == place}


CAN_BE_WRONG = [
    name for name, description in OPERATIONS.items() if "requestBody" in description or parameters(name, "query")
]
"""Operations that can be called wrongly: any path is valid, and an unknown one is not found."""


@dataclass
class Api:
    """The document bound to a running server, and a factory of clients, as a request may erase its caller."""

    target: str
    schema: Any
    clients: MakeClients

    def room(self, alice: TestClient) -> dict[str, str]:
        """Return path parameters: a conversation with a message and an invite."""
        chat = alice.create_conversation("Room", members=self.clients("bob"))
        sent = alice.post_message(chat, "hello")
        invite = alice.post(f"/conversations/{chat}/invites", {}).expect(201)["invite"]
        return {"conversation_id": chat, "sequence_id": str(sent["sequence_id"]), "invite": invite}


def holds(response: Response, case: Any) -> None:
    """Check a response."""
    checks = CHECKS
    if case.operation.definition.raw["operationId"] == "execute_batch" and response.status_code == 200:
        # A batch is accepted although a command in it is invalid, which has an error among the results.
        checks = [check for check in CHECKS if check is not schemathesis.checks.negative_data_rejection]
    if response.status_code == 503 and "history_id" in (case.query or {}):
        # A function whose history is older than the client's cannot answer.
        checks = [check for check in CHECKS if check is not not_a_server_error]
    case.validate_response(response, checks=checks)


def require_an_error_in_the_results(response: Response, case: Any) -> None:
    """Check the response to a batch with an invalid command."""
    holds(response, case)
    assert response.status_code != 200 or any(result["status"] >= 400 for result in response.json()["results"])


def credential(person: TestClient) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


@pytest.fixture(scope="module")
def api(chat_target: str, server: ServerProcess, http: HttpClient) -> Iterator[Api]:
    # Authorization is not under test: without a credential every response would be 401.
    document = {name: section for name, section in DOCUMENT.items() if name != "security"}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = server.ready["http_url"]
    with client_factory(server.endpoint, http) as clients:
        yield Api(chat_target, schema, clients)


def operation(api: Api, name: str) -> Any:
    return next(
        found
        for found in (result.ok() for result in api.schema.get_all_operations())
        if found.definition.raw["operationId"] == name
    )


def hold(api: Api, name: str, mode: schemathesis.GenerationMode) -> int:
    """Try an operation on existing data, with valid or invalid arguments, and return the number of examples."""
    (alice,) = api.clients("alice")
    wanted = parameters(name, "path")
    paths = {parameter: value for parameter, value in api.room(alice).items() if parameter in wanted}
    until, tried = Until(), 0
    is_invalid_batch = name == "execute_batch" and mode is schemathesis.GenerationMode.NEGATIVE
    check = require_an_error_in_the_results if is_invalid_batch else holds

    @seeded
    @bounded(api.target)
    @given(operation(api, name).as_strategy(generation_mode=mode, path_parameters=paths or None))
    def hold_one(case: Any) -> None:
        nonlocal tried
        if not until.is_over:
            tried += 1
            check(case.call(headers=credential(alice)), case)

    hold_one()
    return tried


@pytest.mark.parametrize("name", OPERATIONS)
def test_valid_requests_are_answered_as_documented(name: str, api: Api) -> None:
    assert hold(api, name, schemathesis.GenerationMode.POSITIVE) > 0


@pytest.mark.parametrize("name", CAN_BE_WRONG)
def test_invalid_requests_are_rejected_as_documented(name: str, api: Api) -> None:
    assert hold(api, name, schemathesis.GenerationMode.NEGATIVE) > 0


def test_chains_of_linked_requests_are_answered_as_documented(api: Api) -> None:
    until, statuses = Until(), set()

    class Chain(api.schema.as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            (self.alice,) = api.clients("alice")

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": credential(self.alice)}

        def before_call(self, case: Any) -> None:
            if until.is_over:
                raise OutOfTime

        def validate_response(self, response: Response, case: Any, **_: Any) -> None:
            statuses.add(response.status_code)
            holds(response, case)

    # A single chain need not contain all of them.
    expected = {200, 201, 404} if len(sample(api.target, 0, range(CHAINS))) == CHAINS else set()
    for number in range(ROUNDS * 4):
        # The server is stateful and answers differently each time: a round ends where hypothesis finds that flaky,
        # and another one follows if it was too short.
        with contextlib.suppress(OutOfTime, FlakyStrategyDefinition):
            seed(SEED + number)(Chain).run(settings=chained(api.target, STEPS))
        if number + 1 >= ROUNDS and statuses and expected <= statuses:
            return
    raise AssertionError(f"the chains were answered with {statuses} only")
