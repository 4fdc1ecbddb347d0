"""JSON is decoded strictly, and encoded compactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import InvalidJson

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_encoded_value_is_decoded(value: object) -> None:
    assert json_codec.parse(json_codec.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a":1',
        "nul",
        "'a'",
        "NaN",
        '{"a": NaN}',
        "[Infinity]",
        "[-Infinity]",
        '{"a":1,"a":2}',
        '{"b":{"a":1,"a":1}}',
        "1e999",
        "[1e400]",
        "1" + "0" * 309,
        '{"a":-2' + "0" * 308 + "}",
        "1" * 5000,
        "[" * 100_000,
        '{"a":' * 5000,
        '"\x00"',
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        "\ufeff{}",
    ],
)
def test_lenient_json_is_rejected(text: str | bytes) -> None:
    with pytest.raises(InvalidJson):
        json_codec.parse(text)


def test_largest_numbers_are_accepted() -> None:
    assert json_codec.parse("1" + "0" * 308) == 10**308
    assert json_codec.parse("-1.7e308") == -1.7e308


def test_nesting_is_limited_to_64_levels() -> None:
    assert json_codec.parse("[" * 64 + "]" * 64)
    assert json_codec.parse('{"a":' * 63 + "[1]" + "}" * 63)
    with pytest.raises(InvalidJson, match="64 levels"):
        json_codec.parse("[" * 65 + "]" * 65)
    with pytest.raises(InvalidJson, match="64 levels"):
        json_codec.parse('{"a":' * 64 + "[]" + "}" * 64)


def test_encoding_is_compact_and_unescaped() -> None:
    assert json_codec.dumps({"a": "grüß 👋🏽", "b": [1, 2]}) == '{"a":"grüß 👋🏽","b":[1,2]}'


def test_size_is_in_utf8_bytes() -> None:
    assert json_codec.size("ü") == 4
    with pytest.raises(UnicodeEncodeError):
        json_codec.size("\ud800")


@given(st.text())
def test_any_text_is_decoded_or_rejected(text: str) -> None:
    try:
        value = json_codec.parse(text)
    except InvalidJson:
        return
    assert value == json.loads(text)
