"""Scenarios that random schedules rarely reach, and what the suite itself promises."""

from __future__ import annotations

import json
import tomllib

import pytest

from tests.conformance.clients import ROOT
from tests.conformance.lines import ClientProcess
from tests.conformance.schedules import ScheduleFailed, run
from tests.conformance.steps import settle
from tests.conformance.world import World


def new_world(tabs: list[ClientProcess]) -> World:
    world = World(tabs, seed=2, window=None, is_resuming=False)
    world.live(1_000)
    return world


def end(world: World) -> None:
    settle(world)
    for tab in world.tabs:
        tab.give({"type": "stop"})


def test_message_that_was_not_stored_outlives_a_change_of_the_drainer(tabs: list[ClientProcess]) -> None:
    if len(tabs) == 1:
        pytest.skip("this client has no tabs")
    world = new_world(tabs)
    drainer, other = world.tabs
    world.restart(drainer)
    world.fill_storage(True)
    world.send("conv_a", drainer.number)
    world.restart(other)
    world.fill_storage(False)
    end(world)
    assert len(world.gateway.logs["conv_a"]) == 2


def test_message_that_a_killed_drainer_has_sent_stays_shown_until_the_others_know(
    tabs: list[ClientProcess],
) -> None:
    if len(tabs) == 1:
        pytest.skip("this client has no tabs")
    world = new_world(tabs)
    drainer, other = world.tabs
    world.send("conv_a", other.number)
    world.share()
    world.execute(0)
    acks = [index for index, (_, frame) in enumerate(world.to_clients) if frame["type"] == "message_ack"]
    world.deliver(acks[0])
    world.crash(drainer)  # before the other tab has the news, or the event
    assert [message["status"] for message in other.judge.views["conv_a"].messages] == ["pending"]
    end(world)


def test_frequent_inputs_do_not_put_off_what_the_storage_has_refused(tabs: list[ClientProcess]) -> None:
    world = new_world(tabs[:1])
    world.fill_storage(True)
    world.send("conv_a", 0)
    world.fill_storage(False)
    for _ in range(15):
        world.advance(100)
        world.command("conv_b", 0, "typing")
    assert "text 001" in json.dumps(world.storage)
    end(world)


def test_message_of_a_full_storage_is_sent_within_ten_seconds_after_it_has_room(
    tabs: list[ClientProcess],
) -> None:
    world = new_world(tabs[:1])
    world.fill_storage(True)
    world.send("conv_a", 0, 4_000)
    world.restart_server()
    end(world)


def test_message_is_not_sent_before_the_storage_has_its_attempt(tabs: list[ClientProcess]) -> None:
    world = new_world(tabs[:1])
    world.fill_storage(True)
    world.send("conv_a", 0)
    world.live(5_000)
    assert len(world.gateway.logs["conv_a"]) == 1
    end(world)
    assert len(world.gateway.logs["conv_a"]) == 2


def test_edit_after_a_crash_changes_no_body_that_was_sent(tabs: list[ClientProcess]) -> None:
    world = new_world(tabs[:1])
    world.send("conv_a", 0)
    world.execute(0, is_answered=False)
    world.crash(world.tabs[0])
    world.update("conv_a", "edit", 0)
    end(world)
    assert [event["type"] for event in world.gateway.logs["conv_a"][1:]] == ["message", "message_edited"]


def test_deletion_while_the_storage_is_full_is_not_undone_later(
    tabs: list[ClientProcess],
) -> None:
    world = new_world(tabs[:1])
    world.restart_server()
    world.fill_storage(True)
    world.send("conv_a", 0)
    world.update("conv_a", "delete", 0)
    end(world)
    assert "text 001" not in json.dumps(world.storage)
    assert len(world.gateway.logs["conv_a"]) == 1


def test_the_same_seed_gives_the_same_run(tabs: list[ClientProcess]) -> None:
    written = []
    for _ in range(2):
        transcript: list[object] = []
        process = Recorded(tabs[0], transcript)
        run([process], seed=5)
        written.append(transcript)
    assert written[0] == written[1]


class Recorded(ClientProcess):
    """Keeps all lines of another process."""

    def __init__(self, process: ClientProcess, transcript: list[object]) -> None:
        super().__init__([])
        self._recorded, self._transcript = process, transcript

    def start(self) -> dict[str, object]:
        return self._recorded.start()

    def turn(self, line: dict[str, object]) -> list[dict[str, object]]:
        lines = self._recorded.turn(line)
        self._transcript.append(json.dumps([line, lines]))
        return lines

    def kill(self) -> None:
        self._recorded.kill()


def test_adapter_names_the_version_of_its_client(tabs: list[ClientProcess]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert tabs[0].start()["version"] == project["version"]


def test_client_that_ends_by_itself_fails() -> None:
    process = ClientProcess(["true"])
    with pytest.raises(ScheduleFailed, match="seed 1 with 1 tabs"):
        run([process], seed=1)
    process.close()
