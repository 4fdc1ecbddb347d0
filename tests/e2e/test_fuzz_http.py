"""Requests that schemathesis makes of the published OpenAPI document, to a running server.

One after the other, right ones and wrong ones, and in chains along the document's links. No answer blames us, and
each one has a status, headers, a content type and a body that the document has for it.
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

from tests.e2e.conftest import People, anybody
from tests.e2e.fuzzing import EXAMPLES, SEED, Until, bounded, chained, seeded
from tests.support.client import Http, Person
from tests.support.server import Server

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
OPERATIONS: dict[str, dict[str, Any]] = {
    each["operationId"]: each for methods in DOCUMENT["paths"].values() for each in methods.values()
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
"""Not that whatever the document allows is accepted: it cannot say all of our rules (`specs/rules.py`)."""


class OutOfTime(Exception):
    """The time is up; what was tried held."""


def parameters(name: str, place: str) -> set[str]:
    """The parameters that an operation has there."""
    return {each["name"] for each in OPERATIONS[name].get("parameters", ()) if each["in"] == place}


CAN_BE_WRONG = [name for name, each in OPERATIONS.items() if "requestBody" in each or parameters(name, "query")]
"""Whatever stands in a path, it is no mistake: what is not there is not found."""


@dataclass
class Api:
    """The document bound to a running server, and a maker of people, as one may have themselves erased."""

    schema: Any
    people: People

    def room(self, alice: Person) -> dict[str, str]:
        """What stands in paths: a conversation with an invite, in which something was said."""
        chat = alice.creates("Room", with_=self.people("bob"))
        said = alice.posts(chat, "hello")
        invite = alice.post(f"/conversations/{chat}/invites", {}).expect(201)["invite"]
        return {"conversation_id": chat, "sequence_id": str(said["sequence_id"]), "invite": invite}


def holds(response: Response, case: Any) -> None:
    """Check an answer."""
    case.validate_response(response, checks=CHECKS)


def credential(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


@pytest.fixture(scope="module")
def api(server: Server, http: Http) -> Iterator[Api]:
    # Who asks is not what is tried here: without a credential it would be 401 and nothing else.
    document = {name: each for name, each in DOCUMENT.items() if name != "security"}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = server.ready["http_url"]
    with anybody(server.stage, http) as people:
        yield Api(schema, people)


def operation(api: Api, name: str) -> Any:
    return next(
        found
        for found in (each.ok() for each in api.schema.get_all_operations())
        if found.definition.raw["operationId"] == name
    )


def hold(api: Api, name: str, mode: schemathesis.GenerationMode) -> int:
    """Try an operation on what is there (some of it wrong in other ways, if it is to be wrong); how often."""
    (alice,) = api.people("alice")
    wanted = parameters(name, "path")
    paths = {each: value for each, value in api.room(alice).items() if each in wanted}
    until, tried = Until(), 0

    @seeded
    @bounded()
    @given(operation(api, name).as_strategy(generation_mode=mode, path_parameters=paths or None))
    def each(case: Any) -> None:
        nonlocal tried
        if not until.is_over:
            tried += 1
            holds(case.call(headers=credential(alice)), case)

    each()
    return tried


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_the_document_allows_is_answered_as_it_says(name: str, api: Api) -> None:
    assert hold(api, name, schemathesis.GenerationMode.POSITIVE) > 0


@pytest.mark.parametrize("name", CAN_BE_WRONG)
def test_what_it_does_not_allow_is_refused_as_it_says(name: str, api: Api) -> None:
    assert hold(api, name, schemathesis.GenerationMode.NEGATIVE) > 0


def test_chains_along_the_links(api: Api) -> None:
    until, statuses = Until(), set()

    class Chain(api.schema.as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            (self.alice,) = api.people("alice")

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": credential(self.alice)}

        def before_call(self, case: Any) -> None:
            if until.is_over:
                raise OutOfTime

        def validate_response(self, response: Response, case: Any, **_: Any) -> None:
            statuses.add(response.status_code)
            holds(response, case)

    for number in range(ROUNDS):
        # The server remembers, and answers anew each time: where hypothesis loses its way by that, a round ends.
        with contextlib.suppress(OutOfTime, FlakyStrategyDefinition):
            seed(SEED + number)(Chain).run(settings=chained(STEPS))
    assert {200, 201, 404} <= statuses
