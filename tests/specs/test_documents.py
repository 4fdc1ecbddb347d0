"""The published documents are what the code says, and what their own specifications demand."""

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
from chalicelib.core.protocol import commands, fields, requests
from specs import definitions, documents, glossary
from specs.rules import FIELD_RULES, MODEL_RULES, NOT_NULL

PUBLISHED = {path: json.loads(text) for path, text in documents.documents().items()}
HTTP, SOCKET, FRAMES = (PUBLISHED[f"docs/{each}.json"] for each in ("openapi", "asyncapi", "schemas"))


def test_the_documents_are_what_the_code_says() -> None:
    assert documents.outdated() == [], "run python -m specs, and look at what changed: docs/versioning.md"


def test_what_was_changed_by_hand_is_found_and_mended(tmp_path: Path) -> None:
    for place in ("docs", "chalicelib"):
        (tmp_path / place).mkdir()
    assert documents.write(tmp_path) == list(PUBLISHED)
    changed = tmp_path / "docs" / "schemas.json"
    changed.write_text(changed.read_text(encoding="utf-8").replace("Say", "Tell", 1) + " ", encoding="utf-8")
    assert documents.outdated(tmp_path) == ["docs/schemas.json"]
    assert documents.write(tmp_path) == ["docs/schemas.json"]
    assert documents.outdated(tmp_path) == []


def test_what_is_served_is_what_is_published() -> None:
    assert PUBLISHED["chalicelib/openapi.json"] == HTTP


def test_the_openapi_document_is_one() -> None:
    openapi_spec_validator.validate(HTTP, cls=openapi_spec_validator.OpenAPIV31SpecValidator)


def asyncapi_model() -> Any:
    with warnings.catch_warnings():
        # A model of theirs for another broker's bindings hides a method of its base.
        warnings.simplefilter("ignore", UserWarning)
        return importlib.import_module("asyncapi3.models.asyncapi").AsyncAPI3


def test_the_asyncapi_document_is_one() -> None:
    asyncapi_model().model_validate(SOCKET)


def test_an_asyncapi_document_with_a_mistake_would_be_noticed() -> None:
    wrong = json.loads(json.dumps(SOCKET))
    wrong["operations"]["hello"]["actoin"] = wrong["operations"]["hello"].pop("action")
    with pytest.raises(ValueError, match="hello"):
        asyncapi_model().model_validate(wrong)


@pytest.mark.parametrize("path", PUBLISHED)
def test_every_reference_leads_somewhere(path: str) -> None:
    document = PUBLISHED[path]
    for reference in references(document):
        found: Any = document
        assert reference.startswith("#/")
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for of in value.values() for each in references(of)]
    return [each for of in value for each in references(of)] if isinstance(value, list) else []


def test_every_definition_is_a_json_schema() -> None:
    jsonschema_rs.meta.validate(FRAMES)


@pytest.mark.parametrize("name", definitions.definitions())
def test_every_example_is_valid_by_its_schema(name: str) -> None:
    schema = {"$ref": f"#/$defs/{name}", "$defs": definitions.definitions()}
    validator = jsonschema_rs.Draft202012Validator(schema)
    examples = definitions.definitions()[name]["examples"]
    assert examples
    for example in examples:
        validator.validate(example)


@pytest.mark.parametrize("command", commands.COMMANDS)
def test_every_example_of_a_command_is_one(command: str) -> None:
    model = commands.COMMANDS[command]
    for example in definitions.definitions()[model.__name__]["examples"]:
        said, _ = commands.parse_command(json.dumps(example), Limits())
        assert isinstance(said, model), said


BODIES = {route.body.__name__: route.body for route in definitions.routes() if route.body is not None}


@pytest.mark.parametrize("name", BODIES)
def test_an_example_of_a_body_is_accepted(name: str) -> None:
    for example in definitions.definitions()[name]["examples"]:
        requests.parse_body(BODIES[name], json.dumps(example).encode(), Limits())


@pytest.mark.parametrize("route", definitions.routes(), ids=lambda route: route.view.__name__)
def test_a_view_takes_what_its_route_declares(route: Any) -> None:
    hints = {} if route.public else get_type_hints(route.view)
    assert hints.get("query", requests.EmptyQuery) is route.query
    assert hints.get("body", route.body) is route.body
    assert route.public or ("body" in hints) == (route.body is not None and bool(route.body.model_fields))


def test_every_route_of_the_gateway_is_in_the_document() -> None:
    import app

    served = {(path, method) for path, methods in app.app.routes.items() for method in methods}
    published = {(path, method.upper()) for path, methods in HTTP["paths"].items() for method in methods}
    assert published == served


def test_only_what_is_public_asks_for_no_credential() -> None:
    import app

    for path, methods in app.app.routes.items():
        for method, entry in methods.items():
            operation = HTTP["paths"][path][method.lower()]
            assert (operation.get("security") == []) == (entry.authorizer is None), operation["operationId"]


def test_the_glossary_explains_nothing_that_is_not_there() -> None:
    there = {f"{name}.{field}" for name, each in schemas().items() for field in each.get("properties", ())}
    assert glossary.WORDS.keys() - there - {each.partition(".")[2] for each in there} == set()


def schemas() -> dict[str, Any]:
    queries = {route.query.__name__: {"properties": route.query.model_fields} for route in definitions.routes()}
    paths = {
        route.view.__name__: {"properties": [each.strip("{}") for each in route.path.split("/") if "{" in each]}
        for route in definitions.routes()
    }
    return {**definitions.definitions(), **queries, **paths}


def test_the_rules_explain_nothing_that_is_not_there() -> None:
    for name in (*FIELD_RULES, NOT_NULL):
        assert hasattr(fields, name) or hasattr(requests, name), name
    validators = {
        name
        for model in (*commands.COMMANDS.values(), *BODIES.values())
        for name in model.__pydantic_decorators__.model_validators
    }
    assert set(MODEL_RULES) <= validators
