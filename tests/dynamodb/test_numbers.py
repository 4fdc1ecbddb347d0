"""Numbers: one text for each, an order of bytes that is theirs, and exact sums."""

from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.dynamodb import numbers
from local.dynamodb.errors import DynamoError

EXACT = Context(prec=400)


@st.composite
def decimals(draw: st.DrawFn) -> Decimal:
    """Draw a number that DynamoDB has."""
    digits = draw(st.integers(-(10**38) + 1, 10**38 - 1))
    return Decimal(digits).scaleb(draw(st.integers(-130, 88 if digits else 0)), EXACT)


@given(decimals())
def test_canonical_text_is_the_same_number_and_stays_what_it_is(number: Decimal) -> None:
    text = numbers.canonical(str(number))

    assert Decimal(text) == number
    assert "E" not in text
    assert numbers.canonical(text) == text


@given(decimals(), decimals())
def test_sortable_bytes_have_the_order_of_the_numbers(one: Decimal, other: Decimal) -> None:
    first, second = (numbers.sortable(numbers.canonical(str(number))) for number in (one, other))

    assert (first < second, first == second) == (one < other, one == other)


@given(st.integers(-(10**37), 10**37), st.integers(-(10**37), 10**37), st.integers(-20, 20))
def test_sums_and_differences_are_exact(one: int, other: int, exponent: int) -> None:
    left, right = (numbers.canonical(str(Decimal(each).scaleb(exponent, EXACT))) for each in (one, other))

    assert Decimal(numbers.add(left, right)) == EXACT.add(Decimal(left), Decimal(right))
    assert Decimal(numbers.subtract(left, right)) == EXACT.subtract(Decimal(left), Decimal(right))


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1_000", "0x1", "NaN", "Infinity", "١", "--1", ".", "1e", "1e99999999"]
)
def test_text_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(DynamoError, match="cannot be converted to a numeric value"):
        numbers.canonical(text)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 1), ("1", 2), ("12", 2), ("123", 3), ("-12", 3), ("100", 2), ("0.5", 2)]
)
def test_number_counts_a_byte_for_two_digits_and_one_more(text: str, size: int) -> None:
    assert numbers.precision_bytes(text) == size
