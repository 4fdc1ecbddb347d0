"""DynamoDB's numbers: decimals of up to 38 significant digits and magnitudes from 1E-130 to 9.99…E+125.

A number has one canonical text (no exponent, no needless zeros), so equal numbers have equal texts. See the
developer guide, "Data types: Number".
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from functools import lru_cache

from local.dynamodb.errors import DynamoError, validation

MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130
_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
# Wide enough that the sum of any two numbers is exact: 126 digits before the point and 168 after it.
_EXACT = Context(prec=400, Emin=-9999, Emax=9999, traps=[Inexact])
_ZERO, _POSITIVE, _NEGATIVE = b"\x80", b"\xc0", b"\x40"
_EXPONENT_OFFSET = 1000


def canonical(text: object) -> str:
    """Return the canonical text of a number. Raises DynamoError if it is not a number or out of range."""
    if type(text) is str:
        digits = text[1:] if text[:1] == "-" else text
        # Whole numbers as programs write them, which is nearly all of them.
        if digits.isdigit() and digits.isascii() and len(digits) <= MAX_DIGITS and digits[0] != "0":
            return text
        return _canonical(text)
    raise _not_numeric(str(text))


@lru_cache(1024)
def _canonical(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise _not_numeric(text)
    return _in_range(Decimal(text))


def add(left: str, right: str) -> str:
    """Return the canonical sum of two canonical numbers. Raises DynamoError if it is out of range."""
    return _in_range(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: str, right: str) -> str:
    """Return the canonical difference of two canonical numbers. Raises DynamoError if it is out of range."""
    return _in_range(_EXACT.subtract(Decimal(left), Decimal(right)))


def _in_range(number: Decimal) -> str:
    if not number:
        return "0"
    if number.adjusted() > MAX_EXPONENT:
        raise validation(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if number.adjusted() < MIN_EXPONENT:
        raise validation(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    if len(_significant(number)) > MAX_DIGITS:
        raise validation("Attempting to store more than 38 significant digits in a Number")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _significant(number: Decimal) -> str:
    return "".join(map(str, number.as_tuple().digits)).strip("0")


def _not_numeric(text: str) -> DynamoError:
    return validation(f"The parameter cannot be converted to a numeric value: {text}")


def sortable(text: str) -> bytes:
    """Return bytes that compare as the canonical number does."""
    number = Decimal(text)
    if not number:
        return _ZERO
    magnitude = (number.adjusted() + _EXPONENT_OFFSET).to_bytes(2) + _significant(number).encode()
    if number > 0:
        return _POSITIVE + magnitude
    # Inverted, and ended by the highest byte: of two negative numbers the one with more digits is the smaller.
    return _NEGATIVE + bytes(0xFF - byte for byte in magnitude) + b"\xff"


def precision_bytes(text: str) -> int:
    """Return the bytes that a canonical number counts for in the size of an item."""
    # "Approximately … 1 byte per two significant digits, plus 1 byte" (developer guide, "Item sizes"), and one
    # for a sign.
    digits = text.replace("-", "").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")
