"""Hypothesis strategies from the published schemas: valid values, and values with one thing wrong.

Only the keywords that `specs` writes are supported. Another one raises ValueError, so that none is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Json = dict[str, Any]
Known = Mapping[str, SearchStrategy[Any]]
"""By name of a property: meaningful values, drawn more often than arbitrary ones."""

_KEYWORDS = {
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "examples",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "propertyNames",
    "$ref",
    "required",
    "type",
    "uniqueItems",
}
MANY = 5
"""The maximum length of lists and objects without a limit."""

_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | _FLOATS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def values(schema: Json, schemas: Mapping[str, Json], known: Known) -> SearchStrategy[Any]:
    """Return values that `schema` allows. References are resolved in `schemas` by their last part."""
    if unknown := schema.keys() - _KEYWORDS:
        raise ValueError(f"tests/support/from_schema.py does not support {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return st.deferred(lambda: values(schemas[name], schemas, known))
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return st.one_of(*(values(option, schemas, known) for option in schema[choice]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds: Mapping[str, Callable[[], SearchStrategy[Any]]] = {
        "null": st.none,
        "boolean": st.booleans,
        "integer": lambda: st.integers(schema.get("minimum"), schema.get("maximum")),
        "string": lambda: _strings(schema),
        "array": lambda: _lists(schema, values(schema["items"], schemas, known)),
        "object": lambda: _objects(schema, schemas, known),
    }
    return kinds[schema["type"]]() if "type" in schema else ANY_JSON


def disturbed(schema: Json, schemas: Mapping[str, Json], known: Known) -> SearchStrategy[Any]:
    """Return valid values with one change: a field of another type, missing, or unknown."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> Any:
        value = dict(draw(values(schema, schemas, known)))
        name = draw(st.sampled_from([*schema["properties"], "unknown"]) | st.text(max_size=10))
        if draw(st.booleans()):
            value[name] = draw(ANY_JSON)
        else:
            value.pop(name, None)
        return value

    return draw_one()


def _lists(schema: Json, items: SearchStrategy[Any]) -> SearchStrategy[Any]:
    most = min(schema.get("maxItems", MANY), MANY)
    unique_by = repr if schema.get("uniqueItems") else None
    return st.lists(items, min_size=schema.get("minItems", 0), max_size=most, unique_by=unique_by)


def _strings(schema: Json) -> SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" not in schema:
        return st.text(min_size=least, max_size=most)
    pattern = schema["pattern"].removesuffix("$") + r"\Z"
    return st.from_regex(pattern).filter(lambda text: least <= len(text) <= (most or len(text)))


def _objects(schema: Json, schemas: Mapping[str, Json], known: Known) -> SearchStrategy[Any]:
    def field(name: str, of: Json) -> SearchStrategy[Any]:
        arbitrary = values(of, schemas, known)
        return st.one_of(known[name], known[name], arbitrary) if name in known else arbitrary

    properties = {name: field(name, of) for name, of in schema.get("properties", {}).items()}
    required = {name: field for name, field in properties.items() if name in schema.get("required", ())}
    optional = {name: field for name, field in properties.items() if name not in required}
    least = schema.get("minProperties", 0)
    named = st.fixed_dictionaries(required, optional=optional).filter(lambda value: len(value) >= least)
    more = schema.get("additionalProperties", False)
    if more is False:
        return named
    keys = _strings(schema["propertyNames"]) if "propertyNames" in schema else st.text(max_size=10)
    others = st.dictionaries(keys, ANY_JSON if more is True else values(more, schemas, known), max_size=MANY)
    return st.builds(lambda some, all_named: {**some, **all_named}, others, named)
