"""Problems of a request: how many are returned, and how they name a field."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol.validation import Request, path_segment, validated


class Numbers(Request):
    """A request with a list."""

    numbers: list[int]


def test_first_20_problems_are_returned_with_the_path_of_their_field() -> None:
    with pytest.raises(ValidationFailed) as rejected:
        validated(Numbers, {"numbers": ["x"] * 30}, Limits())
    problem = "Input should be a valid integer"
    expected = [{"path": f"numbers.{index}", "problem": problem} for index in range(20)]
    assert rejected.value.details == expected


@pytest.mark.parametrize(
    ("step", "expected"), [(3, "3"), ("a" * 70, "a" * 64), ("é", "\\xe9"), ("\ud800", "\\ud800")]
)
def test_step_of_a_path_is_short_and_ascii(step: str | int, expected: str) -> None:
    assert path_segment(step) == expected


def test_unknown_field_is_named_as_such() -> None:
    with pytest.raises(ValidationFailed) as rejected:
        validated(Numbers, {"numbers": [], "number": 1}, Limits())
    assert rejected.value.details == [{"path": "number", "problem": "unknown field"}]
