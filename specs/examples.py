"""Examples of objects, assembled from the examples of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.errors import SpecsError
from specs.schemas import Json

_REF = "#/$defs/"


def example(name: str, schemas: Mapping[str, Json], *, required_only: bool = False) -> Any:
    """Return an example of the object, with all fields or the required ones only. Raises SpecsError."""
    schema = schemas[name]
    if "properties" not in schema and "oneOf" in schema:
        return of(schema, name, schemas)
    required = schema.get("required", ())
    names = [field for field in schema.get("properties", ()) if field in required or not required_only]
    if alternatives := [option["required"][0] for option in schema.get("oneOf", ())]:
        names = [*(field for field in names if field not in alternatives), alternatives[0]]
    return {field: of(schema["properties"][field], f"{name}.{field}", schemas) for field in names}


def of(schema: Json, name: str, schemas: Mapping[str, Json]) -> Any:
    """Return an example of a value with this schema. `name` is for the error. Raises SpecsError."""
    if "const" in schema:
        return schema["const"]
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example(schema["$ref"].removeprefix(_REF), schemas, required_only=True)
    if "default" in schema and schema["default"] not in ([], {}):
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return of(schema[choice][0], name, schemas)
    if schema.get("type") == "array":
        return [of(schema["items"], name, schemas)]
    if schema.get("type") == "boolean":
        return True
    raise SpecsError(f"{name} has no example: give its type one")
