"""The models of what clients say (`core/protocol/requests.py`, `core/protocol/commands.py`) as JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import commands, requests
from specs.errors import SpecsError
from specs.rules import FIELD_RULES, MODEL_RULES, NOT_NULL, Json, not_null

REF = "#/$defs/{model}"


def schemas(models: Sequence[type[BaseModel]]) -> dict[str, Json]:
    """The models and all that they hold, by name, in which `REF` refers to each other. Raises SpecsError."""
    _, document = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)],
        ref_template=REF,
        schema_generator=_WithOurRules,
    )
    found: dict[str, Json] = document.get("$defs", {})
    known = [*vars(requests).values(), *vars(commands).values(), *models]
    by_name = {each.__name__: each for each in known if _is_model(each)}
    return {name: _finished(by_name[name], _tidied(schema)) for name, schema in found.items()}


def schema(model: type[BaseModel]) -> Json:
    """One model that holds no other, such as a query."""
    return schemas([model])[model.__name__]


class _WithOurRules(GenerateJsonSchema):
    """pydantic knows nothing of what our own validators demand."""

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        return self._ruled(schema, super().function_after_schema(schema))

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        return self._ruled(schema, super().function_before_schema(schema))

    def _ruled(self, schema: Any, inner: JsonSchemaValue) -> JsonSchemaValue:
        name = schema["function"]["function"].__name__
        if name in MODEL_RULES:
            return inner  # its turn comes when the whole object is there
        if name == NOT_NULL:
            return not_null(inner)
        if name not in FIELD_RULES:
            raise SpecsError(f"core/protocol/fields.py validates by {name}: say in specs/rules.py what that means")
        ruled = {**inner, **FIELD_RULES[name](Limits())}
        words = [each["description"] for each in (inner, ruled) if "description" in each]
        return {**ruled, "description": " ".join(dict.fromkeys(words))}


def _is_model(value: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _finished(model: type[BaseModel], schema: Json) -> Json:
    for name in model.__pydantic_decorators__.model_validators:
        schema = MODEL_RULES[name](schema)
    schema["description"] = " ".join((model.__doc__ or "").split())
    return schema


def _tidied(value: Any) -> Any:
    """Without the titles that repeat names, and without defaults that say "not there"."""
    if isinstance(value, dict):
        return {
            name: {each: _tidied(of) for each, of in inner.items()} if name == "properties" else _tidied(inner)
            for name, inner in value.items()
            if name != "title" and not (name == "default" and inner is None)
        }
    return [_tidied(each) for each in value] if isinstance(value, list) else value
