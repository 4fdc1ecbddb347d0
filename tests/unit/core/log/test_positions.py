"""Positions of clients, compared with the history and the head."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import PositionUnknown, Unavailable
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.log.positions import Positions
from tests.unit.aws.dynamodb.samples import HEAD

OWN = "5.conversations"
POSITIONS = Positions(HistoryId.parse(OWN))
LAST = HEAD.sequence_id


@pytest.mark.parametrize("after", [None, 0, LAST])
@pytest.mark.parametrize("named", [None, OWN])
def test_position_up_to_the_head_of_the_same_history_is_known(after: int | None, named: str | None) -> None:
    POSITIONS.require_known(HEAD, after, named)


@pytest.mark.parametrize(
    ("after", "named"),
    [
        *[(LAST + 1, None), (LAST + 1, OWN), (LAST, "4.conversations"), (0, "4.conversations")],
        *[(LAST, "5.other"), (None, "4.conversations")],
    ],
)
def test_position_beyond_the_head_or_of_another_history_is_unknown(after: int | None, named: str | None) -> None:
    with pytest.raises(PositionUnknown) as raised:
        POSITIONS.require_known(HEAD, after, named)
    body = raised.value.body()
    assert (body["history_id"], body["head"]) == (OWN, LAST)


@pytest.mark.parametrize("named", [None, OWN, "4.conversations", "5.other"])
def test_history_that_is_not_newer_can_be_answered(named: str | None) -> None:
    POSITIONS.require_not_newer(named)


def test_newer_history_is_unavailable_and_no_failure_of_the_server() -> None:
    with pytest.raises(Unavailable) as raised:
        POSITIONS.require_not_newer("6.conversations")
    assert raised.value.retry_after
    assert not raised.value.is_failure


@pytest.mark.parametrize("named", [None, OWN])
def test_sequence_ids_of_the_same_history_are_accepted(named: str | None) -> None:
    POSITIONS.require_current(named)


@pytest.mark.parametrize("named", ["4.conversations", "5.other", "0.other"])
def test_sequence_ids_of_another_history_are_unknown(named: str) -> None:
    with pytest.raises(PositionUnknown) as raised:
        POSITIONS.require_current(named)
    assert raised.value.body()["history_id"] == OWN
    assert "head" not in raised.value.body()


def test_sequence_ids_of_a_newer_history_are_unavailable() -> None:
    with pytest.raises(Unavailable):
        POSITIONS.require_current("6.conversations")
