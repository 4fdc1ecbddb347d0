"""The JSON Schema of models and TypedDicts. pydantic makes it; the descriptions come from the docstrings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from chalicelib.core.protocol import field_rules
from specs.docstrings import attribute_docstrings
from specs.errors import SpecsError

Json = dict[str, Any]
_REF = "#/$defs/{model}"


def schemas(types: Sequence[Any]) -> dict[str, Json]:
    """Return the schemas of the types, and of all that they refer to, by name. Raises SpecsError.

    They refer to each other by `#/$defs/…`. Each field has a description, unless it is a constant.
    """
    _, document = TypeAdapter.json_schemas(
        [(each, "validation", TypeAdapter(each)) for each in types], ref_template=_REF, schema_generator=_Generator
    )
    found: dict[str, Json] = document["$defs"]
    if ambiguous := [name for name in found if "__" in name]:
        raise SpecsError(f"several types have the same name: {', '.join(ambiguous)}")
    return found


def schema(model: Any) -> Json:
    """Return the schema of one type that refers to no other, such as a query."""
    return schemas([model])[model.__name__]


def without_null(schema: Json) -> Json:
    """Return the schema without null as an alternative."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    if not options:
        return schema
    return {**options[0], **rest} if len(options) == 1 else {**rest, "anyOf": options}


class _Generator(GenerateJsonSchema):
    """pydantic's generator, with the docstrings of fields and the meaning of `not_null`."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _described(schema["cls"], super().model_schema(schema))

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        return _described(schema["cls"], super().typed_dict_schema(schema))

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        made = super().function_before_schema(schema)
        return without_null(made) if schema["function"]["function"] is field_rules.not_null else made


def _described(cls: Any, made: Json) -> Json:
    docstrings = attribute_docstrings(cls)
    fields_by_name = made.get("properties", {})
    properties = {
        name: _described_field(f"{cls.__name__}.{name}", fields_by_name[name], docstrings.get(name))
        for name in sorted(fields_by_name, key=lambda name: name != "type")
    }
    return {**_tidied(made), "description": " ".join((cls.__doc__ or "").split()), "properties": properties}


def _described_field(name: str, field: Json, docstring: str | None) -> Json:
    field = _tidied(field)
    description = " ".join(filter(None, [docstring, field.get("description")]))
    if not description and "const" not in field:
        raise SpecsError(f"{name} has no description: give it a docstring")
    return {**field, "description": description} if description else field


def _tidied(schema: Json) -> Json:
    """Return the schema without the title, which repeats the name, and without null as a default."""
    return {
        name: value
        for name, value in schema.items()
        if name != "title" and not (name == "default" and value is None)
    }
