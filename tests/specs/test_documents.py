"""The published documents match the code and the specifications of their formats."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema_rs
import openapi_spec_validator
import pytest

from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import parsing, queries, requests
from specs import definitions, documents

PATHS = ("docs/openapi.json", "docs/asyncapi.json", "docs/schemas.json", "chalicelib/openapi.json")
PUBLISHED = {path: json.loads((documents.ROOT / path).read_text(encoding="utf-8")) for path in PATHS}
"""As they are in the checkout: every process of a run imports this file, and to make them takes a second."""
HTTP, SOCKET, FRAMES = (PUBLISHED[f"docs/{name}.json"] for name in ("openapi", "asyncapi", "schemas"))


def test_documents_match_the_code() -> None:
    assert documents.outdated() == [], "run python -m specs, and review the changes: docs/versioning.md"


def test_document_that_was_edited_by_hand_is_found_and_rewritten(tmp_path: Path) -> None:
    for folder in ("docs", "chalicelib"):
        (tmp_path / folder).mkdir()
    assert documents.write(tmp_path) == list(PUBLISHED)
    changed = tmp_path / "docs" / "schemas.json"
    changed.write_text(changed.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert documents.outdated(tmp_path) == ["docs/schemas.json"]
    assert documents.write(tmp_path) == ["docs/schemas.json"]
    assert documents.outdated(tmp_path) == []


def test_served_document_is_the_published_one() -> None:
    assert PUBLISHED["chalicelib/openapi.json"] == HTTP


def test_openapi_document_is_valid() -> None:
    openapi_spec_validator.validate(HTTP, cls=openapi_spec_validator.OpenAPIV31SpecValidator)


def asyncapi_model() -> Any:
    with warnings.catch_warnings():
        # A model of that package, for the bindings of a broker, hides a method of its base.
        warnings.simplefilter("ignore", UserWarning)
        return importlib.import_module("asyncapi3.models.asyncapi").AsyncAPI3


def test_asyncapi_document_is_valid() -> None:
    asyncapi_model().model_validate(SOCKET)


def test_asyncapi_document_with_a_mistake_is_rejected() -> None:
    wrong = json.loads(json.dumps(SOCKET))
    wrong["operations"]["hello"]["actoin"] = wrong["operations"]["hello"].pop("action")
    with pytest.raises(ValueError, match="hello"):
        asyncapi_model().model_validate(wrong)


@pytest.mark.parametrize("path", PUBLISHED)
def test_every_reference_resolves(path: str) -> None:
    document = PUBLISHED[path]
    for reference in references(document):
        found: Any = document
        assert reference.startswith("#/")
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [name for inner in value.values() for name in references(inner)]
    return [name for inner in value for name in references(inner)] if isinstance(value, list) else []


def test_definitions_are_valid_json_schema() -> None:
    jsonschema_rs.meta.validate(FRAMES)


@pytest.mark.parametrize("name", definitions.definitions())
def test_examples_match_their_schema(name: str) -> None:
    schema = {"$ref": f"#/$defs/{name}", "$defs": definitions.definitions()}
    validator = jsonschema_rs.Draft202012Validator(schema)
    examples = definitions.definitions()[name]["examples"]
    assert examples
    for example in examples:
        validator.validate(example)


@pytest.mark.parametrize("command", parsing.COMMANDS)
def test_examples_of_a_command_are_accepted(command: str) -> None:
    model = parsing.COMMANDS[command]
    for example in definitions.definitions()[model.__name__]["examples"]:
        parsed, _ = parsing.parse_command(json.dumps(example), Limits())
        assert isinstance(parsed, model), parsed


BODIES = {route.body.__name__: route.body for route in definitions.routes() if route.body is not None}


@pytest.mark.parametrize("name", BODIES)
def test_examples_of_a_body_are_accepted(name: str) -> None:
    for example in definitions.definitions()[name]["examples"]:
        requests.parse_body(BODIES[name], json.dumps(example).encode(), Limits())


@pytest.mark.parametrize("route", definitions.routes(), ids=lambda route: route.view.__name__)
def test_view_takes_the_arguments_that_its_route_declares(route: Any) -> None:
    hints = {} if route.public else get_type_hints(route.view)
    not_passed = queries.WriteQuery if route.query is queries.WriteQuery else queries.EmptyQuery
    assert hints.get("query", not_passed) is route.query
    assert hints.get("body", route.body) is route.body
    assert route.public or ("body" in hints) == (route.body is not None and bool(route.body.model_fields))


def test_document_has_exactly_the_routes_of_the_app() -> None:
    import app

    served = {(path, method) for path, methods in app.app.routes.items() for method in methods}
    published = {(path, method.upper()) for path, methods in HTTP["paths"].items() for method in methods}
    assert published == served


def test_only_public_operations_need_no_credential() -> None:
    import app

    for path, methods in app.app.routes.items():
        for method, entry in methods.items():
            operation = HTTP["paths"][path][method.lower()]
            assert (operation.get("security") == []) == (entry.authorizer is None), operation["operationId"]
