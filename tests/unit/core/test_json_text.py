"""JSON from clients is read strictly, and written compactly."""

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
def test_what_is_written_is_read_back(value: object) -> None:
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
        "1" * 5000,
        "[" * 100_000,
        '{"a":' * 5000,
        '"\x00"',
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        "\ufeff{}",
    ],
)
def test_what_is_no_strict_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidJson):
        json_codec.parse(text)


def test_sixty_four_levels_are_accepted_and_one_more_is_not() -> None:
    assert json_codec.parse("[" * 64 + "]" * 64)
    assert json_codec.parse('{"a":' * 63 + "[1]" + "}" * 63)
    with pytest.raises(InvalidJson, match="64 levels"):
        json_codec.parse("[" * 65 + "]" * 65)
    with pytest.raises(InvalidJson, match="64 levels"):
        json_codec.parse('{"a":' * 64 + "[]" + "}" * 64)


def test_characters_stand_as_themselves_and_nothing_is_padded() -> None:
    assert json_codec.dumps({"a": "grüß 👋🏽", "b": [1, 2]}) == '{"a":"grüß 👋🏽","b":[1,2]}'


def test_the_size_is_in_bytes_of_utf8() -> None:
    assert json_codec.size("ü") == 4
    with pytest.raises(UnicodeEncodeError):
        json_codec.size("\ud800")


@given(st.text())
def test_any_text_is_json_or_refused(text: str) -> None:
    try:
        value = json_codec.parse(text)
    except InvalidJson:
        return
    assert value == json.loads(text)
