"""Every object that is said, by name: what all the published documents are made of."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.protocol import commands
from chalicelib.edge.routes import ROUTES, Route
from specs import examples, glossary, said_by_clients, said_by_us, wire
from specs.errors import SpecsError
from specs.rules import Json

_REF = "#/$defs/"


def routes() -> list[Route]:
    """The routes of HTTP."""
    importlib.import_module("chalicelib.edge.rest")  # declares them
    return ROUTES


def answers() -> dict[str, tuple[Any, ...]]:
    """By command: the types that answer it, without `Error`. Raises SpecsError for a command nobody answers."""
    if wire.REPLIES.keys() != commands.COMMANDS.keys():
        odd = sorted(wire.REPLIES.keys() ^ commands.COMMANDS.keys())
        raise SpecsError(f"wire.ANSWERS and commands.COMMANDS differ in {', '.join(odd)}")
    return dict(wire.REPLIES)


def our_frames() -> tuple[Any, ...]:
    """The types of all frames that we send."""
    said = [each for kinds in answers().values() for each in kinds]
    return tuple(dict.fromkeys([*said, wire.Error, *wire.PUSHES]))


@functools.cache
def definitions() -> Mapping[str, Json]:
    """The schemas of all objects, described, with examples; they refer to each other by `#/$defs/…`."""
    spoken = [*commands.COMMANDS.values(), *(route.body for route in routes() if route.body is not None)]
    theirs = said_by_clients.schemas(spoken)
    for name, schema in theirs.items():
        properties = schema.get("properties", {})
        schema["properties"] = {each: glossary.described(name, each, of) for each, of in properties.items()}
    ours = said_by_us.schemas((wire.ErrorResponse, *our_frames(), *_answer_types()))
    if both := theirs.keys() & ours.keys():
        raise SpecsError(f"clients and we use the same names for different things: {', '.join(sorted(both))}")
    found = dict(sorted({**theirs, **ours}.items()))
    for name, schema in found.items():
        schema["examples"] = _examples(name, found)
    return found


def needed(roots: Iterable[str]) -> dict[str, Json]:
    """The definitions of these names and of all that they refer to, in the order of the alphabet."""
    found: dict[str, Json] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = definitions()[name]
            pending += _references(found[name])
    return dict(sorted(found.items()))


def moved(value: Any, to: str) -> Any:
    """A schema whose references lead below `to` instead of `#/$defs/`."""
    if isinstance(value, dict):
        return {
            name: to + each.removeprefix(_REF) if name == "$ref" and isinstance(each, str) else moved(each, to)
            for name, each in value.items()
        }
    return [moved(each, to) for each in value] if isinstance(value, list) else value


def _answer_types() -> list[Any]:
    names = {each for route in routes() for each in route.responses.values() if each is not None}
    events = {said_by_us.event_name(each) for each in wire.EVENT_TYPES}
    found = []
    for name in sorted(names - events):
        if not hasattr(wire, name):
            raise SpecsError(f"a route answers with {name}: declare it in core/wire.py")
        found.append(getattr(wire, name))
    return found


def _examples(name: str, schemas: Mapping[str, Json]) -> list[Any]:
    schema = schemas[name]
    if "properties" not in schema and "oneOf" in schema:
        return [examples.example(each["$ref"].removeprefix(_REF), schemas) for each in schema["oneOf"]]
    both = [examples.example(name, schemas), examples.example(name, schemas, required_only=True)]
    enough = [each for each in both if len(each) >= schema.get("minProperties", 0)]
    return enough if enough[0] != enough[-1] else enough[:1]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [each for of in value.values() for each in _references(of)]
        ref = value.get("$ref")
        return [*found, ref.removeprefix(_REF)] if isinstance(ref, str) else found
    return [each for of in value for each in _references(of)] if isinstance(value, list) else []
