"""The types of what we say (`core/protocol/frames.py`, `core/wire.py`) as JSON Schema.

The objects stay open: clients ignore fields that they do not know.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from chalicelib.core.protocol import frames
from specs import glossary, wire
from specs.errors import SpecsError
from specs.rules import Json

_PLAIN: Mapping[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


def schemas(roots: tuple[Any, ...]) -> dict[str, Json]:
    """The types and all that they hold, by name. Raises SpecsError."""
    found: dict[str, Json] = {}
    for each in roots:
        _collect(each, found)
    return found


def reference(kind: Any) -> Json:
    """How a schema refers to a type."""
    return {"$ref": f"#/$defs/{kind.__name__}"}


def event_name(kind: str) -> str:
    """The name of the schema of a type of event."""
    return "".join(part.capitalize() for part in kind.split("_")) + "Event"


def _collect(kind: Any, found: dict[str, Json]) -> None:
    if is_typeddict(kind):
        if kind.__name__ in found:
            return
        found[kind.__name__] = {}  # it may hold itself
        found |= _events(found) if kind is frames.Event else {kind.__name__: _object(kind, found)}
    else:
        for each in get_args(kind) if get_origin(kind) is not Literal else ():
            _collect(each, found)


def _object(kind: Any, found: dict[str, Json]) -> Json:
    hints = get_type_hints(kind, include_extras=True)
    for hint in hints.values():
        _collect(hint, found)
    return _as_object(kind.__name__, kind.__doc__, hints, [name for name in hints if _is_required(hints[name])])


def _as_object(name: str, doc: str | None, hints: Mapping[str, Any], required: list[str]) -> Json:
    return {
        "type": "object",
        "description": " ".join((doc or "").split()),
        "properties": {field: glossary.narrowed(name, field, _value(hint)) for field, hint in hints.items()},
        "required": required,
    }


def _events(found: dict[str, Json]) -> dict[str, Json]:
    """`frames.Event` is one type with all the fields; here it is one for each type of event."""
    hints = get_type_hints(frames.Event, include_extras=True)
    kinds, told = set(get_args(hints["type"])), set(wire.EVENT_TYPES)
    fields = {each for kind in wire.EVENT_TYPES.values() for each in (*kind.required, *kind.optional)}
    if kinds != told or hints.keys() != fields | set(wire.EVENT_ENVELOPE):
        raise SpecsError(
            "wire.EVENT_TYPES is not what frames.Event is: "
            f"types {sorted(kinds ^ told)}, fields {sorted(hints.keys() ^ (fields | set(wire.EVENT_ENVELOPE)))}"
        )
    for hint in hints.values():
        _collect(hint, found)
    events: dict[str, Json] = {}
    for kind, type_ in wire.EVENT_TYPES.items():
        names = (*wire.EVENT_ENVELOPE, *type_.required, *type_.optional)
        its = {name: type_.overrides.get(name, hints[name]) for name in names} | {"type": Literal[kind]}
        required = [*wire.EVENT_ENVELOPE, *type_.required]
        events[event_name(kind)] = _as_object(event_name(kind), type_.description, its, required)
        if type_.one_of:
            events[event_name(kind)]["oneOf"] = [{"required": [name]} for name in type_.one_of]
    doc = " ".join((frames.Event.__doc__ or "").split())
    one_of = [{"$ref": f"#/$defs/{name}"} for name in events]
    says = f"{doc} There may be other types later: ignore them."
    return {"Event": {"description": says, "oneOf": one_of}, **events}


def _is_required(hint: Any) -> bool:
    return get_origin(hint) is not NotRequired


def _value(hint: Any) -> Json:
    origin, of = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _value(of[0])
    if origin is Literal:
        return {"const": of[0]} if len(of) == 1 else {"enum": list(of)}
    if origin is list:
        return {"type": "array", "items": _value(of[0])}
    if origin is dict:
        return {"type": "object", **({} if of[1] is Any else {"additionalProperties": _value(of[1])})}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_value(each) for each in of]}
    if is_typeddict(hint):
        return reference(hint)
    if hint not in _PLAIN:
        raise SpecsError(f"{hint} is of a kind that nobody has thought of: see specs/said_by_us.py")
    return dict(_PLAIN[hint])
