"""The rows of the list of conversations are right soon, without a ping, whatever the rooms do."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.conformance.coverage import LISTS
from tests.conformance.lines import ClientProcess
from tests.conformance.lists import ListWorld, run

FIRST = int(os.environ.get("CHAT_CONFORMANCE_FIRST_SEED", "0"))
SCHEDULES = int(os.environ.get("CHAT_CONFORMANCE_LISTS", "48"))
SAMPLE = 48
"""The number of schedules that have every kind of fault."""
GROUPS = 2


@pytest.fixture(scope="module")
def happened(tabs: list[ClientProcess]) -> Counter[str]:
    """Count the faults in all schedules of a client, and the schedules."""
    return Counter()


@pytest.mark.parametrize("group", range(GROUPS))
def test_list_is_right_within_seconds_while_rooms_are_closed_and_opened(
    tabs: list[ClientProcess], happened: Counter[str], group: int
) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        happened += run(tabs[0], seed)
        happened["schedules"] += 1


def test_schedules_of_the_list_have_every_kind_of_fault(tabs: list[ClientProcess], happened: Counter[str]) -> None:
    if happened["schedules"] < SAMPLE:
        pytest.skip(f"only {happened['schedules']} schedules have run in this process")
    assert sorted(LISTS - (+happened).keys()) == []


def world_with_request(tabs: list[ClientProcess]) -> ListWorld:
    """Return a world whose client has just requested the list."""
    world = ListWorld(tabs[0], seed=0)
    while not world.tabs[0].requests:
        assert world.to_server or world.to_clients
        world.execute(0)
        world.deliver(0)
    return world


def refuse(world: ListWorld, status: int, times: int = 1) -> None:
    """Refuse the next requests, which come within half a minute each."""
    for _ in range(times):
        for _ in range(30):
            if not world.tabs[0].requests:
                world.advance(1_000)
        world.refuse_request(status)


def end(world: ListWorld) -> None:
    world.judge()
    world.tabs[0].give({"type": "stop"})


@pytest.mark.parametrize("status", [401, 429, 500, 503, 0])
def test_load_of_the_list_that_fails_is_repeated(tabs: list[ClientProcess], status: int) -> None:
    world = world_with_request(tabs)
    refuse(world, status, 3)
    world.live(30_000)
    end(world)


def test_load_of_the_list_is_repeated_if_the_token_callback_fails(tabs: list[ClientProcess]) -> None:
    world = world_with_request(tabs)
    world.failing_tokens = 1
    refuse(world, 503)
    world.live(30_000)
    assert world.happened["a token callback failed"] == 1
    end(world)


@pytest.mark.parametrize("failures", range(1, 4))
def test_list_is_loaded_as_soon_as_the_device_is_online(tabs: list[ClientProcess], failures: int) -> None:
    world = world_with_request(tabs)
    refuse(world, 503, failures)
    world.live(0)  # the feed begins
    world.tabs[0].give({"type": "online"})
    world.live(0)
    assert world.tabs[0].judge.rows
    end(world)


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
