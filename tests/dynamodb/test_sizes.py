"""How large items are, and that the short cuts around measuring them are sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.dynamodb.item_codec import decode, encode
from local.dynamodb.sizes import item_size
from local.dynamodb.values import Item, Value, normalize_item
from tests.dynamodb.random_operations import any_value


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "ä"}, 2),
        ({"S": "😀"}, 4),
        ({"N": "12"}, 2),
        ({"B": "AAEC"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "12"]}, 4),
        ({"BS": ["AA==", "AAE="]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "a"}]}, 5),
        ({"M": {}}, 3),
        ({"M": {"ab": {"S": "c"}}}, 7),
    ],
)
def test_value_counts_for_its_content_and_containers_for_more(value: Value, size: int) -> None:
    assert item_size({"name": value}) == len("name") + size


@given(st.dictionaries(st.text(min_size=1, max_size=5), any_value, max_size=4))
def test_json_of_an_item_is_never_shorter_than_the_item_counts_for(drawn: Item) -> None:
    item = normalize_item(drawn)
    encoded = encode(item)

    assert len(encoded.encode()) >= item_size(item)
    assert decode(encoded) == item
