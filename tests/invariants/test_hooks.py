"""Messages with a hook that changes or refuses them: once, acknowledged as they are in the log (L1, L2)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from local.faults.client import DynamoClient
from tests.invariants.checker import check
from tests.invariants.harness import TWO_DEVICES, Harness, Setup
from tests.invariants.interleaving import Act, Results, interleave
from tests.invariants.tables import Tables
from tests.support.hooks import ALLOW, FakeHook, change, refuse
from tests.support.stepper import crash_points

Answer = Callable[[int], Any]
"""Returns the answer to the n-th action, from 1."""


def numbered(number: int) -> Any:
    """Change the content, differently each time."""
    return change(content=f"answer {number}")


def first_only(number: int) -> Any:
    """Allow the first action, and refuse the others."""
    return ALLOW if number == 1 else refuse()


def answering(answer: Answer) -> FakeHook:
    numbers = count(1)
    return FakeHook(lambda _: answer(next(numbers)))


def send(socket: str) -> Act:
    return lambda process: process.send_message(socket, "damn", "key-1")


def in_a_batch(socket: str) -> Act:
    command = {"type": "message", "client_message_id": "key-1", "content": "damn"}
    return lambda process: process.send_batch(socket, command)


def stored_content(reply: Any) -> str:
    """Return the content of a message as its acknowledgement has it."""
    ack = reply[0] if isinstance(reply, list) else reply
    assert ack["type"] == "message_ack", ack
    content: str = ack.get("stored", {"content": "damn"})["content"]
    return content


@pytest.mark.parametrize("answer", [numbered, first_only])
@pytest.mark.parametrize("is_contended", [False, True], ids=["directly", "through the queue"])
@pytest.mark.parametrize("other", [send, in_a_batch], ids=["two messages", "a message and a batch"])
def test_concurrent_repeats_are_one_event_with_one_content(
    tables: Tables, engine_tables: Tables, answer: Answer, is_contended: bool, other: Callable[[str], Act]
) -> None:
    def arrange(harness: Harness) -> None:
        harness.hook = answering(answer)
        if is_contended:
            harness.make_contended()

    def judge(harness: Harness, ends: Results) -> None:
        verdict = check(harness, subscribers=TWO_DEVICES.subscribed)
        succeeded = ends.succeeded_names("REFUSED_BY_HOOK")
        assert len(verdict.texts) == 1, verdict.texts
        assert {stored_content(ends[name]) for name in succeeded} == set(verdict.texts)
        assert answer is first_only or len(succeeded) == 2

    acts = {"one device": send("alice"), "the other": other("alice2")}
    interleave(tables, TWO_DEVICES, acts, judge, arrange=arrange, samples=40, engine_tables=engine_tables)


def test_crash_between_the_answer_and_the_commit_loses_and_doubles_nothing(tables: Tables) -> None:
    def begin() -> Harness:
        harness = tables.harness(Setup())
        harness.hook = answering(numbered)
        return harness

    def act(harness: Harness, client: DynamoClient) -> None:
        harness.process(client).send_message("alice", "damn", "key-1")

    points = after_the_answer = 0
    for point in crash_points(tables.engine, begin, act):
        with point as harness:
            assert isinstance(harness.hook, FakeHook)
            after_the_answer += len(harness.hook.calls)
            reply = harness.process(skew=1).send_message("alice", "damn", "key-1")
            verdict = check(harness)
            assert verdict.texts == [stored_content(reply)]
        points += 1
    assert points >= 4
    assert after_the_answer >= 2, "it crashed before and after the commit"


def test_hook_sees_no_message_of_an_outsider_or_a_former_member(tables: Tables, engine_tables: Tables) -> None:
    setup = Setup(non_members=("dave",), sockets=("alice", "dave"), subscribed=("alice",))

    def arrange(harness: Harness) -> None:
        harness.hook = FakeHook()

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.error("dave sends") == "NOT_FOUND"
        assert isinstance(harness.hook, FakeHook)
        seen = {action["sender"]["participant_id"] for action in harness.hook.actions}
        assert seen == {harness.participant_id("alice")}
        assert check(harness, subscribers=("alice",)).texts == ["damn"]

    acts = {"dave sends": send("dave"), "alice sends": send("alice")}
    interleave(tables, setup, acts, judge, arrange=arrange, engine_tables=engine_tables)
