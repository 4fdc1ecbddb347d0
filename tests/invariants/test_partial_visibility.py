"""Reads during partially visible transactions return a prefix, or indicate that more follows (L4)."""

from typing import Any

import pytest

from chalicelib.core.model.actors import Service
from chalicelib.core.protocol.queries import AuditQuery
from chalicelib.core.protocol.requests import UpdateParticipant
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from tests.invariants.checker import check
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_group_commit import PATIENT, leave_queued
from tests.invariants.update_cases import FIRST, HEART

PARTLY = pytest.mark.parametrize("store", [Store.OLD, Store.HALF, Store.OTHER_HALF])
READERS: dict[str, Act] = {
    "events": lambda process: process.list_events("carol"),
    "events in small pages": lambda process: process.list_events("carol", limit=2),
    "later events": lambda process: process.list_events("carol", after=1, limit=3),
    "newest messages": lambda process: process.list_messages("carol"),
    "later messages": lambda process: process.list_messages("carol", after=1),
    "one conversation": lambda process: process.get_conversation("carol"),
    "sync": lambda process: process.send_frame("carol", "sync", after=0),
    "subscribe": lambda process: process.send_frame("carol", "subscribe"),
}


class HeadSeen(Layer):
    """Records the first head that is read through it."""

    def __init__(self, inner: DynamoClient) -> None:
        super().__init__(inner)
        self.head = 0

    def call(self, call: Call) -> Any:
        """Forward the call, and record the head."""
        answer = self.forward(call)
        if call.operation == "get_item" and call.keys[0].sk == "HEAD" and not self.head:
            self.head = int(answer["Item"]["sequence_id"]["N"])
        return answer


def three_are_queued(harness: Harness) -> None:
    """Queue two messages of crashed senders: the next sender commits all three."""
    harness.process().post_message("alice", "before", "before")
    leave_queued(harness, "alice", "k")
    leave_queued(harness, "bob", "k")


@PARTLY
@pytest.mark.parametrize("reads", READERS.values(), ids=READERS)
def test_reader_during_a_group_commit_gets_a_prefix(tables: Tables, store: Store, reads: Act) -> None:
    seen: list[HeadSeen] = []

    def note(client: DynamoClient) -> DynamoClient:
        seen.append(HeadSeen(client))
        return seen[-1]

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["bob sends for three", "carol reads"]
        verdict = check(harness)
        assert verdict.texts[0] == "before"
        assert sorted(verdict.texts[1:]) == ["dead", "dead", "third"]
        answer = ends["carol reads"]
        if reads is READERS["subscribe"]:
            (of_bob,) = [
                message["sequence_id"] for message in verdict.log.messages if message["content"] == "third"
            ]
            has = {shown["sequence_id"] for shown in answer[0]["events"]} | {*harness.pushed_event_ids("carol")}
            assert of_bob in has, "L5: neither in the snapshot nor pushed"
        if reads is READERS["later messages"] and not answer["has_more"]:
            all_of_them = [event for event in verdict.log.messages if 1 < event["sequence_id"] <= seen[-1].head]
            assert answer["messages"][: len(all_of_them)] == all_of_them, "L4: said to be all, and was not"

    acts: dict[str, Act] = {
        "bob sends for three": lambda process: process.send_message("bob", "third", "third"),
        "carol reads": reads,
    }
    interleave(
        tables,
        Setup(subscribed=("alice", "bob")),
        acts,
        judge,
        store=store,
        arrange=three_are_queued,
        clients={"carol reads": note},
        timing=PATIENT,
        samples=12,
    )


@PARTLY
def test_reader_during_a_succession_gets_a_prefix(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["alice leaves", "carol reads"]
        verdict = check(harness, subscribers=["bob", "carol"])
        assert verdict.types[1:] == ["participant_updated", "participant_left"]

    acts: dict[str, Act] = {"alice leaves": lambda process: process.leave("alice"), "carol reads": READERS["sync"]}
    interleave(tables, Setup(), acts, judge, store=store, samples=30)


@PARTLY
def test_partially_visible_participants_are_listed_once(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["alice adds dave", "carol looks"]
        check(harness, subscribers=["alice", "bob", "carol"])
        people = [participant["participant_id"] for participant in ends["carol looks"]["participants"]]
        assert len(people) == len(set(people)) >= 3

    acts: dict[str, Act] = {
        "alice adds dave": lambda process: process.add_participant("alice", "dave"),
        "carol looks": lambda process: process.get_conversation("carol"),
    }
    interleave(tables, Setup(non_members=("dave",)), acts, judge, store=store, samples=30)


def alice_spoke_and_others_reacted(harness: Harness) -> None:
    process = harness.process()
    process.post_message("alice", "first", "k")
    process.edit_message("alice", FIRST, "second")
    process.add_reaction("bob", FIRST, HEART)


CHANGES: dict[str, Act] = {
    "edits": lambda process: process.edit_message("alice", FIRST, "third"),
    "deletes": lambda process: process.delete_message("alice", FIRST),
    "reacts": lambda process: process.add_reaction("alice", FIRST, HEART),
}


@PARTLY
@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("reads", ["newest messages", "one conversation", "sync"])
def test_reader_during_an_update_gets_the_old_or_the_new_version(
    tables: Tables, store: Store, changes: str, reads: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["alice changes it", "carol reads"]
        check(harness, subscribers=["alice", "bob", "carol"])

    acts: dict[str, Act] = {"alice changes it": CHANGES[changes], "carol reads": READERS[reads]}
    interleave(tables, Setup(), acts, judge, store=store, arrange=alice_spoke_and_others_reacted, samples=20)


SHOP = Service("shop").as_principal()
ACTS_WITH_TWO_ENTRIES: dict[str, Act] = {
    "update": lambda process: process.app.conversations.moderation.update(
        SHOP,
        process.harness.conversation,
        process.harness.participant_id("bob"),
        UpdateParticipant(role="moderator", muted_for=60),
    ),
    "succession": lambda process: process.app.conversations.members.remove(
        SHOP, process.harness.conversation, process.harness.participant_id("alice")
    ),
}


def read_audit(process: Process) -> Any:
    moderation = process.app.conversations.moderation
    return moderation.audit(SHOP, process.harness.conversation, AuditQuery())["entries"]


@PARTLY
@pytest.mark.parametrize("act", ACTS_WITH_TWO_ENTRIES)
def test_reader_of_the_audit_gets_a_prefix(tables: Tables, store: Store, act: str) -> None:
    """A reader continues after the last entry."""

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["a service acts", "another one reads"]
        entries = read_audit(harness.process(skew=1.0))
        assert len(entries) == 2
        read = ends["another one reads"]
        assert read == entries[: len(read)]

    acts: dict[str, Act] = {"a service acts": ACTS_WITH_TWO_ENTRIES[act], "another one reads": read_audit}
    interleave(tables, Setup(), acts, judge, store=store, samples=30)


def invites(process: Process) -> Any:
    return process.create_invite("alice")


def revokes_its_invite(process: Process) -> Any:
    return process.revoke_invite("alice", process.create_invite("alice"))


BESIDE_THE_LOG: dict[str, Act] = {"invites": invites, "invites and revokes": revokes_its_invite}
BESIDES: dict[str, Act] = {"an act": ACTS_WITH_TWO_ENTRIES["update"], "another invite": invites}


@pytest.mark.parametrize("store", Store)
@pytest.mark.parametrize("beside", BESIDE_THE_LOG)
@pytest.mark.parametrize("other", BESIDES)
@pytest.mark.parametrize("backwards_in_time", [False, True], ids=["rising clocks", "falling clocks"])
def test_entry_of_an_invite_appears_after_all_that_a_reader_has(
    tables: Tables, store: Store, beside: str, other: str, backwards_in_time: bool
) -> None:
    """Invites append no event, and the clocks of those who create and revoke them differ."""

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        entries = read_audit(harness.process(skew=1.0))
        read = ends["a third one reads"]
        assert read == entries[: len(read)]

    acts: dict[str, Act] = {
        "alice invites": BESIDE_THE_LOG[beside],
        "another one acts": BESIDES[other],
        "a third one reads": read_audit,
    }
    interleave(tables, Setup(), acts, judge, store=store, samples=24, backwards_in_time=backwards_in_time)
