"""The generator stops, and says where to go on, at whatever nobody has described."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import pytest
from pydantic import AfterValidator, model_validator

from chalicelib.core.protocol.fields import Request
from specs import examples, said_by_clients, said_by_us
from specs.errors import SpecsError


def _even(value: int) -> int:
    return value


class Picky(Request):
    """Validated by a function that no rule tells of."""

    limit: Annotated[int, AfterValidator(_even)]


class Whole(Request):
    """Validated as a whole by a method that no rule tells of."""

    limit: int = 1

    @model_validator(mode="after")
    def _unheard_of(self) -> Whole:
        return self


class Strange(TypedDict):
    """A field of a kind that has no schema."""

    limit: set[int]


class Wordless(TypedDict):
    """A field that nobody has explained."""

    unexplained: int


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: said_by_clients.schema(Picky), r"validates by _even: say in specs/rules\.py"),
        (lambda: said_by_clients.schema(Whole), r"validates by _unheard_of: say in specs/rules\.py"),
        (lambda: said_by_us.schemas((Strange,)), r"set\[int\] is of a kind"),
        (lambda: said_by_us.schemas((Wordless,)), r"Wordless\.unexplained means: say it in specs/glossary\.py"),
        (
            lambda: examples.example("X", {"X": {"properties": {"cursor": {"type": "string"}}}}),
            r"no example of X\.cursor",
        ),
    ],
)
def test_what_nobody_has_described_stops_the_generator(make: Any, complaint: str) -> None:
    with pytest.raises(SpecsError, match=complaint):
        make()
