"""History ids: their form and their order."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.history_id import HistoryId


@pytest.mark.parametrize("text", ["0.conversations", "12.a-b_c.d", f"{10**15 - 1}.{'x' * 255}"])
def test_history_id_is_parsed_and_written_unchanged(text: str) -> None:
    assert str(HistoryId.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1.", ".x", "01.x", "-1.x", "1.a b", "1.x\n", "1.é", f"{10**15}.x", f"1.{'x' * 256}"]
)
def test_other_text_is_not_a_history_id(text: str) -> None:
    with pytest.raises(ValueError, match="a history id is"):
        HistoryId.parse(text)


def test_higher_number_is_newer_whatever_the_name() -> None:
    assert HistoryId(10, "a").is_newer_than(HistoryId(9, "b"))
    assert not HistoryId(9, "b").is_newer_than(HistoryId(10, "a"))
    assert not HistoryId(9, "b").is_newer_than(HistoryId(9, "a"))


@pytest.mark.parametrize(
    ("number", "began_at"), [(0, 0), (1_800_000_000, 1_800_000_000_000), (1_800_000_000_123, 1_800_000_000_123)]
)
def test_number_is_the_time_of_the_beginning(number: int, began_at: int) -> None:
    assert HistoryId(number, "a").began_at == began_at
