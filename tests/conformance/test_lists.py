"""The rows of the list of conversations are right soon, without a ping, whatever the rooms do."""

from __future__ import annotations

import os

import pytest

from tests.conformance.lines import ClientProcess
from tests.conformance.lists import ListWorld, run

FIRST = int(os.environ.get("CHAT_CONFORMANCE_FIRST_SEED", "0"))
SCHEDULES = int(os.environ.get("CHAT_CONFORMANCE_LISTS", "12"))
GROUPS = 2


@pytest.mark.parametrize("group", range(GROUPS))
def test_list_is_right_within_seconds_while_rooms_are_closed_and_opened(
    tabs: list[ClientProcess], group: int
) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        run(tabs[0], seed)


def test_room_that_has_ended_can_be_opened_again(tabs: list[ClientProcess]) -> None:
    world = ListWorld(tabs[0], seed=2)
    world.live(1_000)
    world.send_to_client(world.lists.remove("conv_a"))
    world.live(1_000)
    assert not world.is_open("conv_a")
    world.send_to_client(world.lists.remove("conv_a"))
    world.live(1_000)
    world.open_room("conv_a")
    world.act("conv_a", "send")
    world.judge()
    assert [message["status"] for message in world.tabs[0].judge.views["conv_a"].messages] == ["sent"]
    world.tabs[0].give({"type": "stop"})
