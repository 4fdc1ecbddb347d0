"""More than a conversation or a person can take: every message is acknowledged or refused, and it drains."""

import threading
import time
from typing import Any

import pytest

from chalicelib.core.kernel.concurrency import run_parallel
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.messaging.group_commit import CONTENTION_WINDOW_MS
from local.faults import TransactionWindows, wrap_engine
from local.faults.recording import Journal, RecordingClient
from tests.invariants.checker import check
from tests.invariants.test_costs import ALONE
from tests.invariants.world import BEGIN, Shape, Stage, World

SENDERS = tuple(f"guest_{number}x" for number in range(30))
CROWD = Shape(people=("alice", *SENDERS), sockets=("alice", *SENDERS), listening=("alice",))
REFUSED = {"CONVERSATION_BUSY", "RATE_LIMITED"}


class RealTime:
    """The machine's time, as if it were the time of the world."""

    def __init__(self) -> None:
        self._ahead = BEGIN + 10.0 - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.monotonic() + self._ahead

    def monotonic(self) -> float:
        """The same."""
        return self.now()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def storm(world: World, deadline: float) -> list[dict[str, Any]]:
    """Everybody sends at the same time, each from a process of their own, through a region; the answers."""
    windows, clock = TransactionWindows(), RealTime()
    answers: list[dict[str, Any]] = [{} for _ in SENDERS]
    ready = threading.Barrier(len(SENDERS))

    def send(number: int) -> None:
        client = wrap_engine(world.stage.engine, seed=number, windows=windows)
        process = world.process(client, clock=clock, gather=run_parallel, timing=Timing(append_deadline=deadline))
        ready.wait()
        answers[number] = process.writes(SENDERS[number], f"of {number}", "k")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(SENDERS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("deadline", [5.0, 0.15], ids=["patient", "hasty"])
def test_thirty_senders_at_once_are_each_acknowledged_or_told_that_it_is_busy(
    stage: Stage, deadline: float
) -> None:
    world = stage.world(CROWD)
    answers = storm(world, deadline)
    acked = [number for number, answer in enumerate(answers) if answer["type"] == "message_ack"]
    for answer in answers:
        if answer["type"] != "message_ack":
            assert answer["code"] in REFUSED
            assert answer["retryable"]
            assert answer["retry_after"] > 0
    verdict = check(world, hears=["alice"])
    assert sorted(verdict.texts) == sorted(f"of {number}" for number in acked), "refused is not in the log"

    # It drains: the next one goes straight through, and so do all that were refused.
    journal = Journal()
    later = 40.0 + CONTENTION_WINDOW_MS / 1000
    ack = world.process(RecordingClient(stage.engine, journal), skew=later).writes(SENDERS[0], "afterwards", "a")
    assert ack["type"] == "message_ack"
    assert journal.counts() == ALONE
    for number in set(range(len(SENDERS))) - set(acked):
        again = world.process(skew=later + number).writes(SENDERS[number], f"of {number}", "k")
        assert (again["type"], again["duplicate"]) == ("message_ack", False)
    assert len(check(world, hears=["alice"]).texts) == len(SENDERS) + 1


def test_a_hundred_people_who_react_at_once_are_all_counted(stage: Stage) -> None:
    """Nothing queues reactions: who is told that it is busy repeats, and the last one gets in."""
    people = ("alice", *(f"guest_{number}x" for number in range(99)))
    world = stage.world(Shape(people=people, sockets=("alice",), listening=("alice",)))
    world.process().sends("alice", "vote", "k")
    windows, clock = TransactionWindows(), RealTime()
    tries = [0] * len(people)
    ready = threading.Barrier(len(people))

    def react(number: int) -> None:
        client = wrap_engine(world.stage.engine, seed=number, windows=windows)
        process = world.process(client, clock=clock, gather=run_parallel, timing=Timing())
        ready.wait()
        while True:
            tries[number] += 1
            try:
                process.react(people[number], 2, "👍" if number % 2 else "👋")
                return
            except ChatError as error:
                assert error.code == "CONVERSATION_BUSY"
                assert error.retry_after

    began = time.monotonic()
    threads = [threading.Thread(target=react, args=(number,)) for number in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(  # noqa: T201 — shown with -rP: what was measured
        f"100 reactions at once: {time.monotonic() - began:.1f} s, {sum(tries) - len(people)} repeats"
    )
    (message,) = check(world, hears=["alice"]).story.messages
    assert {each["emoji"]: each["count"] for each in message["reactions"]} == {"👍": 50, "👋": 50}


def test_who_sends_too_much_is_told_when_to_go_on_and_can_go_on_then(stage: Stage) -> None:
    burst = 5
    stage = stage.with_limits(message_burst=burst, messages_per_second=10)
    world = stage.world()
    answers = [world.process().writes("alice", f"{number}", f"k{number}") for number in range(burst + 3)]
    assert [answer["type"] for answer in answers] == ["message_ack"] * burst + ["error"] * 3
    for refused in answers[burst:]:
        assert (refused["code"], refused["retryable"]) == ("RATE_LIMITED", True)
    wait = answers[-1]["retry_after"]
    assert wait == pytest.approx(0.1), "one message's time"
    with pytest.raises(ChatError, match="slow down"):
        world.process(skew=wait - 0.01).sends("alice", "too early", "early")
    assert world.process(skew=wait + 0.001).writes("alice", "in time", f"k{burst}")["type"] == "message_ack"
    assert world.process().writes("bob", "another person", "k")["type"] == "message_ack"
    assert check(world, hears=["alice", "bob", "carol"]).texts == [*"01234", "in time", "another person"]


def test_changes_count_as_messages_for_the_rate_and_so_do_those_that_change_nothing(stage: Stage) -> None:
    stage = stage.with_limits(message_burst=5, messages_per_second=10)
    world = stage.world()
    process = world.process()
    process.sends("alice", "first", "k")
    commands: list[tuple[str, dict[str, Any]]] = [
        ("edit", {"content": "second"}),
        ("react", {"emoji": "a"}),
        ("react", {"emoji": "a"}),
        ("unreact", {"emoji": "b"}),
        ("unreact", {"emoji": "a"}),
        ("delete", {}),
        ("edit", {"content": "third"}),
    ]
    answers = [process.says("alice", command, target=2, **fields)[0] for command, fields in commands]
    assert [answer["type"] for answer in answers] == ["ack"] * 4 + ["error"] * 3
    assert {answer["code"] for answer in answers[4:]} == {"RATE_LIMITED"}
    wait = answers[-1]["retry_after"]
    assert world.process(skew=wait + 0.001).says("alice", "delete", target=2)[0]["type"] == "ack"
    assert check(world, hears=["alice", "bob", "carol"]).texts == ["(deleted)"]
