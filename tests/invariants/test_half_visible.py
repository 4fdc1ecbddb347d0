"""Readers while transactions are seen in part: what is served is a prefix, or says that there is more (L4)."""

from typing import Any

import pytest

from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from tests.invariants.changing_cases import FIRST, HEART
from tests.invariants.checker import check
from tests.invariants.interleaving import Act, Ends, Store, interleave
from tests.invariants.test_queue import PATIENT, leave_queued
from tests.invariants.world import Shape, Stage, World

PARTLY = pytest.mark.parametrize("store", [Store.OLD, Store.HALF, Store.OTHER_HALF])
READERS: dict[str, Act] = {
    "events": lambda process: process.events("carol"),
    "events in small pages": lambda process: process.events("carol", limit=2),
    "later events": lambda process: process.events("carol", after=1, limit=3),
    "newest messages": lambda process: process.messages("carol"),
    "later messages": lambda process: process.messages("carol", after=1),
    "one conversation": lambda process: process.view("carol"),
    "sync": lambda process: process.says("carol", "sync", after=0),
    "subscribe": lambda process: process.says("carol", "subscribe"),
}


class HeadSeen(Layer):
    """Notes the first head that is read through it."""

    def __init__(self, inner: DynamoClient) -> None:
        super().__init__(inner)
        self.head = 0

    def call(self, call: Call) -> Any:
        """Read, and note."""
        answer = self.forward(call)
        if call.operation == "get_item" and call.keys[0].sk == "HEAD" and not self.head:
            self.head = int(answer["Item"]["sequence_id"]["N"])
        return answer


def three_are_queued(world: World) -> None:
    """Two messages wait whose senders have died: the next sender commits all three at once."""
    world.process().sends("alice", "before", "before")
    leave_queued(world, "alice", "k")
    leave_queued(world, "bob", "k")


@PARTLY
@pytest.mark.parametrize("reads", READERS.values(), ids=READERS)
def test_who_reads_while_several_messages_are_committed_at_once(stage: Stage, store: Store, reads: Act) -> None:
    seen: list[HeadSeen] = []

    def note(client: DynamoClient) -> DynamoClient:
        seen.append(HeadSeen(client))
        return seen[-1]

    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["bob sends for three", "carol reads"]
        verdict = check(world)
        assert verdict.texts[0] == "before"
        assert sorted(verdict.texts[1:]) == ["dead", "dead", "third"]
        answer = ends["carol reads"]
        if reads is READERS["subscribe"]:
            (of_bob,) = [each["sequence_id"] for each in verdict.story.messages if each["content"] == "third"]
            has = {each["sequence_id"] for each in answer[0]["events"]} | {*world.events_posted("carol")}
            assert of_bob in has, "L5: neither in the snapshot nor pushed"
        if reads is READERS["later messages"] and not answer["has_more"]:
            all_of_them = [event for event in verdict.story.messages if 1 < event["sequence_id"] <= seen[-1].head]
            assert answer["messages"][: len(all_of_them)] == all_of_them, "L4: said to be all, and was not"

    acts: dict[str, Act] = {
        "bob sends for three": lambda process: process.writes("bob", "third", "third"),
        "carol reads": reads,
    }
    interleave(
        stage,
        Shape(listening=("alice", "bob")),
        acts,
        judge,
        store=store,
        arrange=three_are_queued,
        clients={"carol reads": note},
        timing=PATIENT,
        samples=12,
    )


@PARTLY
def test_who_reads_while_an_owner_hands_on_and_leaves(stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["alice leaves", "carol reads"]
        verdict = check(world, hears=["bob", "carol"])
        assert verdict.types[1:] == ["participant_updated", "participant_left"]

    acts: dict[str, Act] = {"alice leaves": lambda process: process.leave("alice"), "carol reads": READERS["sync"]}
    interleave(stage, Shape(), acts, judge, store=store, samples=30)


@PARTLY
def test_a_list_of_participants_that_is_seen_in_part_names_nobody_twice(stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["alice adds dave", "carol looks"]
        check(world, hears=["alice", "bob", "carol"])
        people = [each["participant_id"] for each in ends["carol looks"]["participants"]]
        assert len(people) == len(set(people)) >= 3

    acts: dict[str, Act] = {
        "alice adds dave": lambda process: process.add("alice", "dave"),
        "carol looks": lambda process: process.view("carol"),
    }
    interleave(stage, Shape(strangers=("dave",)), acts, judge, store=store, samples=30)


def alice_spoke_and_others_reacted(world: World) -> None:
    process = world.process()
    process.sends("alice", "first", "k")
    process.edit("alice", FIRST, "second")
    process.react("bob", FIRST, HEART)


CHANGES: dict[str, Act] = {
    "edits": lambda process: process.edit("alice", FIRST, "third"),
    "deletes": lambda process: process.take_back("alice", FIRST),
    "reacts": lambda process: process.react("alice", FIRST, HEART),
}


@PARTLY
@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("reads", ["newest messages", "one conversation", "sync"])
def test_who_reads_while_a_message_is_changed_sees_it_before_or_after(
    stage: Stage, store: Store, changes: str, reads: str
) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["alice changes it", "carol reads"]
        check(world, hears=["alice", "bob", "carol"])

    acts: dict[str, Act] = {"alice changes it": CHANGES[changes], "carol reads": READERS[reads]}
    interleave(stage, Shape(), acts, judge, store=store, arrange=alice_spoke_and_others_reacted, samples=20)
