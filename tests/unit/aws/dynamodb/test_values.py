"""Plain values to typed ones and back."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.values import marshal, marshal_item, marshal_key, unmarshal_item, unmarshal_optional


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ("grüß", {"S": "grüß"}),
        ("", {"S": ""}),
        (0, {"N": "0"}),
        (-12345678901234567890, {"N": "-12345678901234567890"}),
        (True, {"BOOL": True}),
        (False, {"BOOL": False}),
        ({"a": {"b": 1}}, {"M": {"a": {"M": {"b": {"N": "1"}}}}}),
    ],
)
def test_value_keeps_its_type(value: Any, typed: dict[str, Any]) -> None:
    assert marshal(value) == typed
    item = unmarshal_item({"name": typed})
    assert item == {"name": value}
    assert type(item["name"]) is type(value)


@pytest.mark.parametrize("value", [1.5, [1], b"x", None])
def test_values_of_other_types_are_rejected(value: Any) -> None:
    with pytest.raises(KeyError):
        marshal(value)


def test_attributes_without_a_value_are_left_out() -> None:
    assert marshal_item({"a": None, "b": {"c": None, "d": 1}}) == {"b": {"M": {"d": {"N": "1"}}}}


def test_no_item_has_no_values() -> None:
    assert unmarshal_optional(None) is None
    assert unmarshal_optional({"a": {"N": "1"}}) == {"a": 1}


def test_key_has_two_typed_attributes() -> None:
    assert marshal_key("p", "s") == {"pk": {"S": "p"}, "sk": {"S": "s"}}
