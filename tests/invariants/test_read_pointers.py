"""Read pointers and unread counts after messages of concurrent senders, sent directly and by the queue.

`check` compares every unread count with the log: messages of others after the pointer, and own ones of which
there are too many to be kept.
"""

from typing import Any

import pytest

from chalicelib.core.model.read_pointers import MAX_OWN_UNREAD
from tests.invariants.checker import check
from tests.invariants.harness import TWO_DEVICES, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.items import plain

CONTENDED = pytest.mark.parametrize("contended", [False, True], ids=["direct", "queued"])
MAX_MEMBERSHIP_BYTES = 1024
"""A larger membership costs a second write unit with every message."""


def sends(socket: str, text: str, **fields: Any) -> Act:
    return lambda process: process.send_message(socket, text, text, **fields)


def reads(name: str, sequence_id: int) -> Act:
    return lambda process: process.mark_read(name, sequence_id)


def with_news(contended: bool, count: int = 2) -> Any:
    """Return an arrangement: bob has sent messages, which alice has not read."""

    def arrange(harness: Harness) -> None:
        for number in range(count):
            harness.process().send_message("bob", f"news {number}", f"n-{number}")
        if contended:
            harness.make_contended()

    return arrange


def pointer(harness: Harness, name: str = "alice") -> tuple[int, int]:
    """Return the read pointer and the unread count that a participant is shown."""
    (listed,) = harness.process().list_conversations(name)
    return listed["read_up_to"], listed["unread_count"]


def membership(harness: Harness, name: str) -> dict[str, Any]:
    """Return the item of a membership."""
    items = plain(harness.items(), harness.tables.conversations_table, f"U#{harness.participant_id(name)}", "C#")
    return items[f"C#{harness.conversation}"]


# ---- interleavings -------------------------------------------------------------------------------------


@CONTENDED
@BOTH_STORES
def test_message_passes_over_seen_messages_only(
    tables: Tables, engine_tables: Tables, store: Store, contended: bool
) -> None:
    found: set[tuple[int, int]] = set()

    def judge(harness: Harness, ends: Results) -> None:
        verdict = check(harness, subscribers=TWO_DEVICES.subscribed)
        if not ends.succeeded("alice sends", "CONVERSATION_BUSY"):
            return
        at = 2 + verdict.texts.index("A")
        read_up_to, unread = pointer(harness)
        found.add((read_up_to, unread))
        assert read_up_to == (4 if at == 4 else 1), "seen is 3: only as event 4 it moves the pointer"

    acts = {"alice sends": sends("alice", "A", seen=3), "bob sends": sends("bob", "B")}
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        store=store,
        arrange=with_news(contended),
        samples=60,
        engine_tables=engine_tables,
    )
    if store is Store.ATOMIC:  # with locked items, one of two senders is still waiting at the deadline
        assert found >= {(4, 1), (1, 3)}


@CONTENDED
def test_concurrent_messages_of_one_member_are_both_own(
    tables: Tables, engine_tables: Tables, contended: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        check(harness, subscribers=TWO_DEVICES.subscribed)
        if ends.succeeded("one device", "CONVERSATION_BUSY") and ends.succeeded("the other", "CONVERSATION_BUSY"):
            read_up_to, unread = pointer(harness)
            assert (read_up_to, unread) in ((1, 2), (4, 0), (5, 0))

    acts = {"one device": sends("alice", "A"), "the other": sends("alice2", "B", seen=3)}
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        arrange=with_news(contended),
        samples=80,
        engine_tables=engine_tables,
    )


@CONTENDED
@pytest.mark.parametrize("up_to", [2, 3])
def test_read_concurrent_with_an_own_message_keeps_the_count(
    tables: Tables, engine_tables: Tables, contended: bool, up_to: int
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        check(harness, subscribers=TWO_DEVICES.subscribed)
        if ends.succeeded("alice reads", "UNAVAILABLE"):
            assert ends["alice reads"] == {"read_up_to": up_to, "unread_count": 3 - up_to} or (
                ends["alice reads"] == {"read_up_to": 4, "unread_count": 0}
            )

    acts = {"alice sends": sends("alice2", "A"), "alice reads": reads("alice", up_to)}
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        arrange=with_news(contended),
        samples=80,
        engine_tables=engine_tables,
    )


@CONTENDED
def test_concurrent_own_messages_at_the_limit_are_all_kept(
    tables: Tables, engine_tables: Tables, contended: bool
) -> None:
    def arrange(harness: Harness) -> None:
        harness.process().send_message("bob", "news", "n")
        say(harness, MAX_OWN_UNREAD)
        if contended:
            harness.make_contended()

    def judge(harness: Harness, ends: Results) -> None:
        check(harness, subscribers=())

    acts = {"one device": sends("alice", "A"), "the other": sends("alice2", "B")}
    interleave(tables, TWO_DEVICES, acts, judge, arrange=arrange, samples=12, max_schedules=12)


# ---- a member who only writes --------------------------------------------------------------------------


def say(
    harness: Harness,
    count: int,
    name: str = "alice",
    *,
    batch: int = 20,
    skew: float = 0.0,
    contended: bool = False,
) -> None:
    """Send messages in batches, slowly enough for the rate limit."""
    for start in range(0, count, batch):
        if contended:
            harness.make_contended()
        skew += batch / 5
        listed = [
            {"type": "message", "client_message_id": f"s-{skew}-{number}", "content": f"old {number}"}
            for number in range(min(batch, count - start))
        ]
        assert {answer["type"] for answer in process(harness, skew).post_batch(name, *listed)} == {"message_ack"}


def process(harness: Harness, skew: float) -> Process:
    return harness.process(skew=skew)


@CONTENDED
@pytest.mark.parametrize("batch", [1, 20])
def test_newest_hundred_own_messages_do_not_count_and_the_membership_stays_small(
    tables: Tables, contended: bool, batch: int
) -> None:
    harness = tables.harness(TWO_DEVICES)
    harness.process().send_message("bob", "news", "n")
    for round_number in range(3):
        say(harness, 60, batch=batch, skew=100.0 * round_number, contended=contended)
        item = membership(harness, "alice")
        kept = item.get("own_unread_0", frozenset()) | item.get("own_unread_1", frozenset())
        assert len(kept) <= MAX_OWN_UNREAD + batch
        assert sum(len(name) + len(str(value)) for name, value in item.items()) < MAX_MEMBERSHIP_BYTES
        assert pointer(harness) == (1, 1 + max(60 * (round_number + 1) - MAX_OWN_UNREAD, 0))
    harness.process(skew=900.0).mark_read("alice", 2)
    assert pointer(harness) == (2, 80)
    harness.process(skew=900.0).mark_read("alice", 100)
    assert pointer(harness) == (100, 0), "82 own messages are after it, all of them kept"
    harness.process(skew=901.0).post_message("bob", "more")
    assert pointer(harness) == (100, 1)
    check(harness, subscribers=())


@CONTENDED
def test_own_message_after_everything_was_read_forgets_the_earlier_ones(tables: Tables, contended: bool) -> None:
    harness = tables.harness(TWO_DEVICES)
    harness.process().send_message("bob", "news", "n")
    say(harness, 5, batch=1, contended=contended)
    harness.process(skew=50.0).mark_read("alice", 7)
    assert pointer(harness) == (7, 0)
    harness.process(skew=50.0).post_message("alice", "A")
    assert pointer(harness) == (8, 0)
    assert not membership(harness, "alice").keys() & {"own_unread_0", "own_unread_1"}


def test_own_messages_stay_own_for_a_returning_member(tables: Tables) -> None:
    harness = tables.harness(Setup(is_open=True))
    harness.process().post_message("bob", "news")
    harness.process().post_message("alice", "A")
    harness.process().leave("alice")
    harness.process().post_message("bob", "while she is away")
    harness.process().join("alice")
    assert pointer(harness) == (1, 2)
    harness.process().post_message("alice", "B")
    assert pointer(harness) == (1, 2)
    check(harness, subscribers=("bob", "carol"))


@pytest.mark.parametrize("contended", [False, True])
def test_senders_who_take_turns_have_the_messages_of_the_others_unread(tables: Tables, contended: bool) -> None:
    harness = tables.harness(Setup())
    for number, name in enumerate(("alice", "bob", "alice", "carol", "bob")):
        if contended:
            harness.make_contended()
        harness.process().post_message(name, f"of {name}", str(number))
    assert [pointer(harness, name) for name in ("alice", "bob", "carol")] == [(2, 3), (1, 3), (1, 4)]
    check(harness, subscribers=())


# ---- the name ------------------------------------------------------------------------------------------


def roster(harness: Harness, reader: str = "carol") -> dict[str, str]:
    """Return the names in the roster by short name."""
    view = harness.process().get_conversation(reader)
    names = {member["participant_id"]: member["name"] for member in view["participants"]}
    return {name: names[harness.participant_id(name)] for name in harness.setup.members}


@pytest.mark.parametrize("write", ["message", "queued message", "read", "own role"])
def test_roster_follows_the_name_in_the_members_own_token(tables: Tables, write: str) -> None:
    harness = tables.harness(Setup(roles=(("bob", "owner"),)))
    harness.process().post_message("alice", "news")
    harness.display_names["bob"] = "Robert"
    assert roster(harness)["bob"] == "Bob"
    if write == "queued message":
        harness.make_contended()
    if write == "read":
        harness.process().mark_read("bob", 2)
    elif write == "own role":
        harness.process().set_role("bob", "bob", "member")
    else:
        harness.process().post_message("bob", "answer")
    assert roster(harness) == {"alice": "Alice", "bob": "Robert", "carol": "Carol"}


def test_successor_has_the_name_of_their_own_token(tables: Tables) -> None:
    harness = tables.harness(Setup())
    harness.display_names["bob"] = "Robert"
    harness.process().post_message("bob", "hello")
    harness.process().leave("alice")
    updated = harness.pushed_frames("carol", "event")[-2]["event"]
    assert (updated["type"], updated["participant"]["name"]) == ("participant_updated", "Robert")
