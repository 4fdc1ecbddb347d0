"""The rows of the list of conversations are right soon, without a ping, whatever the rooms do."""

from __future__ import annotations

import os

import pytest

from tests.conformance.lines import ClientProcess
from tests.conformance.lists import run

FIRST = int(os.environ.get("CHAT_CONFORMANCE_FIRST_SEED", "0"))
SCHEDULES = int(os.environ.get("CHAT_CONFORMANCE_LISTS", "12"))
GROUPS = 2


@pytest.mark.parametrize("group", range(GROUPS))
def test_list_is_right_within_seconds_while_rooms_are_closed_and_opened(
    tabs: list[ClientProcess], group: int
) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        run(tabs[0], seed)
