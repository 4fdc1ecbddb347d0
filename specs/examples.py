"""Examples of objects, put together from those of their fields in the glossary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs import glossary
from specs.errors import SpecsError
from specs.rules import Json

_REF = "#/$defs/"


def example(name: str, schemas: Mapping[str, Json], *, required_only: bool = False) -> Any:
    """An object of this name, with all that it may hold, or only what it must. Raises SpecsError."""
    schema = schemas[name]
    if "properties" not in schema and "oneOf" in schema:
        return _of(schema, name, "", schemas, required_only)
    names = [*(schema.get("required", ()) if required_only else schema.get("properties", ()))]
    if alternatives := [each["required"][0] for each in schema.get("oneOf", ())]:
        names = [*(each for each in names if each not in alternatives), alternatives[0]]
    return {field: _field(name, field, schema["properties"][field], schemas, required_only) for field in names}


def _field(owner: str, field: str, schema: Json, schemas: Mapping[str, Json], required_only: bool) -> Any:
    if "const" in schema:
        return schema["const"]
    word = glossary.word(owner, field)
    return word.example if word.example is not None else _of(schema, owner, field, schemas, required_only)


def _of(schema: Json, owner: str, field: str, schemas: Mapping[str, Json], required_only: bool) -> Any:
    if "$ref" in schema:
        return example(schema["$ref"].removeprefix(_REF), schemas, required_only=True)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _of(schema[choice][0], owner, field, schemas, required_only)
    if schema.get("type") == "array":
        return [_of(schema["items"], owner, field, schemas, required_only)]
    raise SpecsError(f"there is no example of {owner}.{field}: write one in specs/glossary.py")
