"""The generator stops at a missing description or example, with an instruction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from typing_extensions import TypedDict

from chalicelib.core.protocol.field_rules import not_null
from specs import examples
from specs.docstrings import attribute_docstrings, described_by
from specs.errors import SpecsError
from specs.schemas import schema, schemas


class Base(TypedDict):
    """A base."""

    inherited: int
    """Described in the base."""


class Described(Base):
    """A TypedDict in which every field has a description."""

    type: Literal["described"]
    own: Annotated[int, Field(ge=1, examples=[7])]
    """Described
    below the field."""
    by_type: Annotated[str, Field(description="Described by its type.")]
    by_both: Annotated[str, Field(description="And by its type.")]
    """Described by a docstring."""


class Undescribed(TypedDict):
    """A TypedDict with a field that has no description."""

    unexplained: int


@described_by(Described)
class DescribedElsewhere(TypedDict):
    """A TypedDict whose field is described by another type."""

    own: int


class NotNull(BaseModel):
    """A model with a field that may be left out but not null."""

    field: Annotated[int | None, BeforeValidator(not_null)] = None
    """A field."""
    nullable: int | None = None
    """Another field."""
    checked: Annotated[int, AfterValidator(abs)] = 0
    """A field with a validator."""


def test_fields_are_described_by_docstrings_and_types() -> None:
    properties = schema(Described)["properties"]
    assert {name: field.get("description") for name, field in properties.items()} == {
        "inherited": "Described in the base.",
        "type": None,
        "own": "Described below the field.",
        "by_type": "Described by its type.",
        "by_both": "Described by a docstring. And by its type.",
    }
    assert properties["own"]["minimum"] == 1


def test_fields_without_docstring_are_described_by_the_named_type() -> None:
    assert schema(DescribedElsewhere)["properties"]["own"]["description"] == "Described below the field."


def test_docstrings_of_other_statements_are_not_taken() -> None:
    assert attribute_docstrings(NotNull).keys() == {"field", "nullable", "checked"}


def test_field_that_must_not_be_null_is_published_without_null() -> None:
    properties = schema(NotNull)["properties"]
    assert properties["field"]["type"] == "integer"
    assert {"type": "null"} in properties["nullable"]["anyOf"]
    assert not any("default" in properties[name] for name in ("field", "nullable"))


def _type_of_that_name() -> Any:
    class Described(TypedDict):
        """A type with the name of another one."""

    return Described


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: schema(Undescribed), r"Undescribed\.unexplained has no description: give it a docstring"),
        (
            lambda: examples.example("X", {"X": {"properties": {"cursor": {"type": "string"}}}}),
            r"X\.cursor has no example: give its type one",
        ),
        (lambda: schemas((Described, _type_of_that_name())), r"several types have the same name"),
    ],
)
def test_generator_stops_and_names_the_cause(make: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(SpecsError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("field", "example"),
    [
        ({"const": 3}, 3),
        ({"type": "integer", "examples": [4, 5]}, 4),
        ({"type": "integer", "default": 6}, 6),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "boolean"}, True),
        ({"anyOf": [{"enum": ["x"]}, {"type": "null"}]}, "x"),
        ({"type": "array", "items": {"$ref": "#/$defs/Y"}}, [{"z": 1}]),
    ],
)
def test_examples_are_derived_from_the_schema(field: dict[str, Any], example: Any) -> None:
    known: dict[str, dict[str, Any]] = {
        "X": {"properties": {"field": field}},
        "Y": {"properties": {"z": {"const": 1}, "optional": {"const": 2}}, "required": ["z"]},
    }
    assert examples.example("X", known) == {"field": example}
