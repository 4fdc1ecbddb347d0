"""Contention and rate limits: every message is acknowledged or rejected, and the queue drains."""

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
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.tables import Tables
from tests.invariants.test_costs import ALONE
from tests.support.fakes import START_TIME

SENDERS = tuple(f"guest_{number}x" for number in range(30))
CROWD = Setup(members=("alice", *SENDERS), sockets=("alice", *SENDERS), subscribed=("alice",))
REFUSED = {"CONVERSATION_BUSY", "RATE_LIMITED"}


class RealTime:
    """The machine's clock, shifted to the time of the harness."""

    def __init__(self) -> None:
        self._ahead = START_TIME + 10.0 - time.monotonic()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.monotonic() + self._ahead

    def monotonic(self) -> float:
        """Return the same."""
        return self.now()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def storm(harness: Harness, deadline: float) -> list[dict[str, Any]]:
    """Return the replies to concurrent sends of all senders, each from its own process through a region."""
    windows, clock = TransactionWindows(), RealTime()
    answers: list[dict[str, Any]] = [{} for _ in SENDERS]
    ready = threading.Barrier(len(SENDERS))

    def send(number: int) -> None:
        client = wrap_engine(harness.tables.engine, seed=number, windows=windows)
        process = harness.process(
            client, clock=clock, gather=run_parallel, timing=Timing(append_deadline=deadline)
        )
        ready.wait()
        answers[number] = process.send_message(SENDERS[number], f"of {number}", "k")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(SENDERS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("deadline", [5.0, 0.15], ids=["patient", "hasty"])
def test_thirty_concurrent_sends_are_acknowledged_or_rejected_as_busy(tables: Tables, deadline: float) -> None:
    harness = tables.harness(CROWD)
    answers = storm(harness, deadline)
    acked = [number for number, answer in enumerate(answers) if answer["type"] == "message_ack"]
    for answer in answers:
        if answer["type"] != "message_ack":
            assert answer["code"] in REFUSED
            assert answer["retryable"]
            assert answer["retry_after"] > 0
    verdict = check(harness, subscribers=["alice"])
    assert sorted(verdict.texts) == sorted(f"of {number}" for number in acked), "refused is not in the log"

    # The queue has drained: the next message is appended directly, and so are all rejected ones.
    journal = Journal()
    later = 40.0 + CONTENTION_WINDOW_MS / 1000
    ack = harness.process(RecordingClient(tables.engine, journal), skew=later).send_message(
        SENDERS[0], "afterwards", "a"
    )
    assert ack["type"] == "message_ack"
    assert journal.counts() == ALONE
    for number in set(range(len(SENDERS))) - set(acked):
        again = harness.process(skew=later + number).send_message(SENDERS[number], f"of {number}", "k")
        assert (again["type"], again["duplicate"]) == ("message_ack", False)
    assert len(check(harness, subscribers=["alice"]).texts) == len(SENDERS) + 1


def test_leader_without_followers_leaves_the_contention_as_it_is(tables: Tables) -> None:
    harness = tables.harness()
    until = START_TIME + 11.5
    harness.make_contended(until=until)
    harness.process().send_message("alice", "queued", "1")
    process = harness.process(skew=1.0)
    head = process.app.stores.event_log.head(harness.conversation)
    assert head is not None
    assert head.contended_until == 1000 * until, "a batch of one neither prolongs the contention nor ends it"
    journal = Journal()
    process = harness.process(RecordingClient(tables.engine, journal), skew=2.0)
    assert process.send_message("bob", "direct", "2")["sequence_id"] == 3
    assert journal.counts() == ALONE
    assert check(harness, subscribers=MEMBERS).texts == ["queued", "direct"]


def test_a_hundred_concurrent_reactions_are_all_counted(tables: Tables) -> None:
    """Reactions are not queued: a client repeats on CONVERSATION_BUSY, and the last one succeeds."""
    people = ("alice", *(f"guest_{number}x" for number in range(99)))
    harness = tables.harness(Setup(members=people, sockets=("alice",), subscribed=("alice",)))
    harness.process().post_message("alice", "vote", "k")
    windows, clock = TransactionWindows(), RealTime()
    tries = [0] * len(people)
    ready = threading.Barrier(len(people))

    def react(number: int) -> None:
        client = wrap_engine(harness.tables.engine, seed=number, windows=windows)
        process = harness.process(client, clock=clock, gather=run_parallel, timing=Timing())
        ready.wait()
        while True:
            tries[number] += 1
            try:
                process.add_reaction(people[number], 2, "👍" if number % 2 else "👋")
                return
            except ChatError as error:
                assert error.code == "CONVERSATION_BUSY"
                assert error.retry_after

    started = time.monotonic()
    threads = [threading.Thread(target=react, args=(number,)) for number in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(  # noqa: T201 — the measurement, shown with -rP
        f"100 reactions at once: {time.monotonic() - started:.1f} s, {sum(tries) - len(people)} repeats"
    )
    (message,) = check(harness, subscribers=["alice"]).log.messages
    assert {reaction["emoji"]: reaction["count"] for reaction in message["reactions"]} == {"👍": 50, "👋": 50}


def test_rate_limited_sender_can_continue_after_retry_after(tables: Tables) -> None:
    burst = 24
    tables = tables.with_limits(message_burst=burst, messages_per_second=1)
    harness = tables.harness()
    # Far enough apart not to overlap.
    answers = [
        harness.process(skew=number / 100).send_message("alice", f"{number}", f"k{number}")
        for number in range(burst + 3)
    ]
    latest = (burst + 2) / 100
    assert [answer["type"] for answer in answers] == ["message_ack"] * burst + ["error"] * 3
    for refused in answers[burst:]:
        assert (refused["code"], refused["retryable"]) == ("RATE_LIMITED", True)
    wait = answers[-1]["retry_after"]
    assert wait == pytest.approx(1 - latest), "one message's time"
    with pytest.raises(ChatError, match="slow down"):
        harness.process(skew=latest + wait - 0.01).post_message("alice", "too early", "early")
    in_time = harness.process(skew=latest + wait + 0.001).send_message("alice", "in time", f"k{burst}")
    assert in_time["type"] == "message_ack"
    assert harness.process().send_message("bob", "another person", "k")["type"] == "message_ack"
    assert check(harness, subscribers=["alice", "bob", "carol"]).texts == [
        *map(str, range(burst)),
        "in time",
        "another person",
    ]


def test_updates_and_no_op_updates_are_rate_limited_like_messages(tables: Tables) -> None:
    tables = tables.with_limits(message_burst=24, messages_per_second=1)
    harness = tables.harness()
    for number in range(20):
        harness.process(skew=number / 100).post_message("alice", "first", f"k{number}")
    process = harness.process(skew=0.2)
    commands: list[tuple[str, dict[str, Any]]] = [
        ("edit", {"content": "second"}),
        ("react", {"emoji": "a"}),
        ("react", {"emoji": "a"}),
        ("unreact", {"emoji": "b"}),
        ("unreact", {"emoji": "a"}),
        ("delete", {}),
        ("edit", {"content": "third"}),
    ]
    answers = [process.send_frame("alice", command, target=2, **fields)[0] for command, fields in commands]
    assert [answer["type"] for answer in answers] == ["ack"] * 4 + ["error"] * 3
    assert {answer["code"] for answer in answers[4:]} == {"RATE_LIMITED"}
    wait = answers[-1]["retry_after"]
    assert harness.process(skew=0.2 + wait + 0.001).send_frame("alice", "delete", target=2)[0]["type"] == "ack"
    assert check(harness, subscribers=["alice", "bob", "carol"]).texts == ["(deleted)", *19 * ["first"]]
