"""Pages of lists, and the cursors that lead from one to the next."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel import paging
from chalicelib.core.kernel.errors import ValidationFailed


def test_cursor_of_a_page_leads_to_the_key_of_the_next_one() -> None:
    answer = paging.page("bans", [1, 2], "bob#1")
    assert answer["bans"] == [1, 2]
    assert paging.start_key(answer["next_cursor"]) == "bob#1"


def test_cursor_holds_a_key_of_several_parts() -> None:
    answer = paging.page("conversations", [], (7, "conv"))
    assert paging.decode(answer["next_cursor"], int, str) == [7, "conv"]


def test_last_page_has_no_cursor() -> None:
    assert paging.page("bans", [], None) == {"bans": []}


def test_first_page_has_no_start_key() -> None:
    assert paging.start_key(None) is None


@pytest.mark.parametrize("cursor", ["", "?", "bnVsbA==", "WzFd", paging.encode("a", "b"), paging.encode(1)])
def test_cursor_that_no_page_has_is_refused_at_its_field(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        paging.start_key(cursor)
    assert refused.value.details is not None
    assert refused.value.details == [
        {"path": "cursor", "problem": "must be the next_cursor of an earlier response"}
    ]


@pytest.mark.parametrize("key", ["é", "a\n", "\x7f"])
def test_cursor_with_a_key_that_no_item_has_is_refused(key: str) -> None:
    with pytest.raises(ValidationFailed):
        paging.start_key(paging.encode(key))


def test_cursor_with_characters_outside_its_alphabet_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        paging.start_key(paging.encode("bob#1") + "!")


def test_cursor_is_safe_in_a_url() -> None:
    cursor = paging.encode("x~~~???>>>")
    assert not {"+", "/"} & {*cursor}
    assert {"-", "_"} & {*cursor}
    assert paging.start_key(cursor) == "x~~~???>>>"
