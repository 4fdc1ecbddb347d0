"""The header `Idempotency-Key`: a string of structured fields, or the same without its quotes."""

import pytest

from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.protocol.idempotency import parse_idempotency_key

UUID = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, None),
        (f'"{UUID}"', UUID),
        (UUID, UUID),
        (f' \t"{UUID}" ', UUID),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        ("a" * 255, "a" * 255),
    ],
)
def test_valid_header_is_parsed(value: str | None, key: str | None) -> None:
    assert parse_idempotency_key(value) == key


@pytest.mark.parametrize(
    "value",
    [
        "", " ", '""', '"', '"a', 'a"', "a b", "a,b", '"a", "b"', '"a";p=1', "ä", '"ä"', '"a\\b"', '"a\tb"',
        "a" * 256, f'"{"a" * 256}"',
    ],
)  # fmt: skip
def test_malformed_header_is_refused(value: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_idempotency_key(value)
    assert refused.value.details is not None
    assert refused.value.details[0]["path"] == "Idempotency-Key"
    assert "ä" not in str(refused.value.body())
