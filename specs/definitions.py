"""All published objects by name: the documents are made of them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.protocol.parsing import COMMANDS
from chalicelib.edge.routes import ROUTES, Route
from specs import examples
from specs.errors import SpecsError
from specs.schemas import Json, schemas
from specs.wire.batches import BatchResults
from specs.wire.events import EVENT_TYPES
from specs.wire.pushes import PUSHES
from specs.wire.replies import REPLIES, Error
from specs.wire.responses import RESPONSES
from specs.wire.webhooks import DELIVERIES

_REF = "#/$defs/"
_EVENT = "An entry of a conversation's log. New types may be added: ignore unknown ones."


def routes() -> list[Route]:
    """Return the routes of HTTP."""
    importlib.import_module("chalicelib.edge.rest")  # declares them
    return ROUTES


def replies() -> dict[str, tuple[Any, ...]]:
    """Return the types that answer each command, without `Error`. Raises SpecsError if a command has no entry."""
    if REPLIES.keys() != COMMANDS.keys():
        odd = sorted(REPLIES.keys() ^ COMMANDS.keys())
        raise SpecsError(f"REPLIES in specs/wire/replies.py and COMMANDS differ in {', '.join(odd)}")
    return dict(REPLIES)


def server_frames() -> tuple[Any, ...]:
    """Return the types of all frames that the server sends."""
    answers = [reply for types in replies().values() for reply in types]
    return tuple(dict.fromkeys([*answers, Error, *PUSHES]))


@functools.cache
def definitions() -> Mapping[str, Json]:
    """Return the schemas of all objects with examples. They refer to each other by `#/$defs/…`."""
    bodies = [route.body for route in routes() if route.body is not None]
    types = [
        *COMMANDS.values(),
        *bodies,
        *server_frames(),
        *RESPONSES.values(),
        BatchResults,
        *DELIVERIES,
        *EVENT_TYPES.values(),
    ]
    found = schemas(list(dict.fromkeys(types)))
    events = [{"$ref": _REF + event.__name__} for event in EVENT_TYPES.values()]
    # In the models an event is any object (`core.model.events.Event`).
    found["Event"] = {"description": _EVENT, "oneOf": events}
    if unknown := _response_names() - found.keys():
        raise SpecsError(f"a route responds with {sorted(unknown)}: declare it in specs/wire/responses.py")
    made = {name: {**schema, "examples": _examples(name, found)} for name, schema in sorted(found.items())}
    return {name: _without_field_examples(schema) for name, schema in made.items()}


def _response_names() -> set[str]:
    return {name for route in routes() for name in route.responses.values() if name is not None}


def needed(roots: Iterable[str]) -> dict[str, Json]:
    """Return the definitions of these names and of all that they refer to, in alphabetical order."""
    found: dict[str, Json] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = definitions()[name]
            pending += _references(found[name])
    return dict(sorted(found.items()))


def moved(value: Any, to: str) -> Any:
    """Return a schema whose references point below `to` instead of `#/$defs/`."""
    if isinstance(value, dict):
        return {
            name: to + inner.removeprefix(_REF) if name == "$ref" and isinstance(inner, str) else moved(inner, to)
            for name, inner in value.items()
        }
    return [moved(inner, to) for inner in value] if isinstance(value, list) else value


def _examples(name: str, schemas: Mapping[str, Json]) -> list[Any]:
    schema = schemas[name]
    if "properties" not in schema and "oneOf" in schema:
        return [examples.example(option["$ref"].removeprefix(_REF), schemas) for option in schema["oneOf"]]
    full, smallest = (
        examples.example(name, schemas, required_only=required_only) for required_only in (False, True)
    )
    return [full] if smallest == full or len(smallest) < schema.get("minProperties", 0) else [full, smallest]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [name for inner in value.values() for name in _references(inner)]
        ref = value.get("$ref")
        return [*found, ref.removeprefix(_REF)] if isinstance(ref, str) else found
    return [name for inner in value for name in _references(inner)] if isinstance(value, list) else []


def _without_field_examples(schema: Json) -> Json:
    """Return the schema of an object without the examples of single fields, which are in those of the object."""
    properties = {name: _without_examples(field) for name, field in schema.get("properties", {}).items()}
    return {**schema, "properties": properties} if properties else schema


def _without_examples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_examples(inner) for name, inner in value.items() if name != "examples"}
    return [_without_examples(inner) for inner in value] if isinstance(value, list) else value
