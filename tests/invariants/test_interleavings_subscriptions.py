"""Subscriptions, connects and disconnects, concurrent with everything that affects them, in every interleaving."""

import pytest

from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables

ALL_STORES = pytest.mark.parametrize("store", [*Store])
BOB_DOES_NOT_LISTEN = Setup(subscribed=("alice", "carol"))
OTHERS = ("alice", "carol")


def says(socket: str, command: str, **fields: object) -> Act:
    return lambda process: process.send_frame(socket, command, **fields)


def says_hello(process: Process) -> object:
    _, *answers = process.send_frame("bob", "hello", subscribe=[{"conversation_id": process.harness.conversation}])
    return answers


def sends(socket: str) -> Act:
    return lambda process: process.send_message(socket, f"of {socket}", "k")


def and_then_alice_sends(harness: Harness) -> None:
    """Send a message that exactly the subscribers receive."""
    harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")


# ---- concurrent with sends and membership: L5 and L7 ---------------------------------------------------


@ALL_STORES
@pytest.mark.parametrize(
    "subscribes",
    [says("bob", "subscribe"), says("bob", "subscribe", after=0), says_hello],
    ids=["newest", "after", "hello"],
)
def test_subscribe_concurrent_with_a_send_yields_the_event(
    tables: Tables, engine_tables: Tables, store: Store, subscribes: Act
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        subscribed = ends.succeeded("bob subscribes")
        verdict = check(harness, subscribers=MEMBERS if subscribed else OTHERS)
        assert verdict.texts == (["of alice"] if ends.succeeded("alice sends") else [])

    acts = {"alice sends": sends("alice"), "bob subscribes": subscribes}
    interleave(tables, BOB_DOES_NOT_LISTEN, acts, judge, store=store, engine_tables=engine_tables)


def test_subscribe_concurrent_with_two_sends_yields_both_events(tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names()) == 3
        assert sorted(check(harness, subscribers=MEMBERS).texts) == ["of alice", "of carol"]

    acts = {
        "alice sends": sends("alice"),
        "carol sends": sends("carol"),
        "bob subscribes": says("bob", "subscribe"),
    }
    interleave(tables, BOB_DOES_NOT_LISTEN, acts, judge, max_schedules=3000)


@BOTH_STORES
def test_member_removed_during_subscribe_receives_nothing_afterwards(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob subscribes", "NOT_FOUND")
        removed = ends.succeeded("alice removes bob")
        and_then_alice_sends(harness)
        verdict = check(harness, subscribers=OTHERS)
        assert (harness.participant_id("bob") not in verdict.log.members) == removed

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "alice removes bob": lambda process: process.remove_participant("alice", "bob"),
    }
    samples = None if store is Store.ATOMIC else 30
    interleave(tables, BOB_DOES_NOT_LISTEN, acts, judge, store=store, samples=samples, engine_tables=engine_tables)


def test_member_removed_during_subscribe_and_send_receives_earlier_events_only(
    tables: Tables, engine_tables: Tables
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob subscribes", "NOT_FOUND")
        assert ends.succeeded("alice removes bob")
        assert ends.succeeded("carol sends")
        check(harness, subscribers=OTHERS)

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "alice removes bob": lambda process: process.remove_participant("alice", "bob"),
        "carol sends": sends("carol"),
    }
    interleave(tables, BOB_DOES_NOT_LISTEN, acts, judge, samples=80, engine_tables=engine_tables)


@BOTH_STORES
def test_subscribe_concurrent_with_leaving_and_returning_uses_the_new_membership(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    shape = Setup(subscribed=OTHERS, is_open=True)

    def leaves_and_returns(process: Process) -> object:
        process.leave("bob")
        return process.join("bob")

    def judge(harness: Harness, ends: Results) -> None:
        subscribed = ends.succeeded("bob subscribes", "NOT_FOUND", "UNAUTHORIZED")
        ends.succeeded("bob leaves and returns")
        and_then_alice_sends(harness)
        verdict = check(harness, subscribers=OTHERS)
        if subscribed and verdict.log.members.get(harness.participant_id("bob")):
            received = 4 in harness.pushed_event_ids("bob") or not ends.succeeded("bob leaves and returns")
            listens = any(frame["head"] == 3 for frame in harness.pushed_frames("bob", "subscribed"))
            assert received or not listens, "who subscribed after returning hears what is said then"

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "bob leaves and returns": leaves_and_returns,
    }
    interleave(tables, shape, acts, judge, store=store, samples=30, engine_tables=engine_tables)


@BOTH_STORES
def test_subscribe_concurrent_with_deletion_is_rejected_or_notified(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        subscribed = ends.succeeded("bob subscribes", "NOT_FOUND")
        if ends.error("alice deletes") == "UNAVAILABLE":
            # Only here a transaction may stay open for ever, so its items could not be deleted.
            assert store is not Store.ATOMIC
            return
        deleted = ends.succeeded("alice deletes")
        verdict = check(harness, subscribers=MEMBERS if subscribed else OTHERS)
        assert (verdict.state == "deleted") == deleted
        assert subscribed or deleted or store is not Store.ATOMIC

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "alice deletes": lambda process: process.delete_conversation("alice"),
    }
    interleave(tables, BOB_DOES_NOT_LISTEN, acts, judge, store=store, engine_tables=engine_tables)


READS: dict[str, Act] = {
    "sync": says("bob", "sync", after=0),
    "events": lambda process: process.list_events("bob"),
    "messages": lambda process: process.list_messages("bob"),
    "view": lambda process: process.get_conversation("bob"),
    "list": lambda process: process.list_conversations("bob"),
    "ping": lambda process: process.send_frame("bob", "ping", heads={process.harness.conversation: 1}),
}


@pytest.mark.parametrize("reads", READS.values(), ids=READS)
def test_reader_removed_meanwhile_sees_no_later_event(tables: Tables, engine_tables: Tables, reads: Act) -> None:
    def removes_and_speaks_of_it(process: Process) -> object:
        process.remove_participant("alice", "bob")
        return process.post_message("alice", "about bob", "k")

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob reads", "NOT_FOUND")
        assert ends.succeeded("alice removes bob and speaks of it")
        check(harness, subscribers=OTHERS)
        for response in harness.responses:
            if response.request == "list" and response.participant_id == harness.participant_id("bob"):
                assert all(listed["head"] == 1 for listed in response.body["conversations"])

    acts: dict[str, Act] = {"bob reads": reads, "alice removes bob and speaks of it": removes_and_speaks_of_it}
    samples = 60 if reads in (READS["sync"], READS["view"]) else None
    interleave(tables, Setup(), acts, judge, samples=samples, max_schedules=1500, engine_tables=engine_tables)


# ---- one connection, several operations: L8 ------------------------------------------------------------


@BOTH_STORES
@pytest.mark.parametrize("lost", [False, True], ids=["still connected", "gone already"])
def test_disconnect_during_subscribe_leaves_no_subscription(
    tables: Tables, engine_tables: Tables, store: Store, lost: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob subscribes", "UNAUTHORIZED")
        assert ends.succeeded("bob disconnects")
        and_then_alice_sends(harness)
        check(harness, subscribers=OTHERS)
        assert not harness.pushed_event_ids("bob")

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "bob disconnects": lambda process: process.disconnect("bob"),
    }
    departed = {name: ["bob"] if lost else [] for name in acts}
    samples = None if store is Store.ATOMIC else 30
    shape = BOB_DOES_NOT_LISTEN
    interleave(
        tables, shape, acts, judge, store=store, stale=departed, samples=samples, engine_tables=engine_tables
    )


@BOTH_STORES
def test_concurrent_subscribe_and_unsubscribe_are_consistent(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob subscribes")
        ends.succeeded("bob unsubscribes")
        and_then_alice_sends(harness)
        check(harness, subscribers=OTHERS)

    acts = {"bob subscribes": says("bob", "subscribe"), "bob unsubscribes": says("bob", "unsubscribe")}
    samples = None if store is Store.ATOMIC else 30
    interleave(tables, Setup(), acts, judge, store=store, samples=samples, engine_tables=engine_tables)


FRAMES: dict[str, Act] = {
    "ping": says("bob", "ping"),
    "subscribe": says("bob", "subscribe"),
    "message": sends("bob"),
    "unsubscribe": says("bob", "unsubscribe"),
}


def judge_that_bob_is_back(harness: Harness, *, listens: bool) -> None:
    """Check that one more frame of the connection restores all its subscriptions."""
    (pong,) = harness.process(skew=20.0).send_frame("bob", "ping", heads={harness.conversation: 1})
    if listens:
        assert pong["heads"][harness.conversation] == harness.process().get_conversation("alice")["head"], "L5"
    before = len(harness.pushed_event_ids("bob"))
    and_then_alice_sends(harness)
    check(harness, subscribers=OTHERS)
    assert len(harness.pushed_event_ids("bob")) == before + listens, "it hears exactly what it is subscribed to"


@BOTH_STORES
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_connection_marked_stale_during_a_frame_is_revived_by_the_next(
    tables: Tables, engine_tables: Tables, store: Store, frame: Act
) -> None:
    """The post of alice's message to bob is answered with 410 while a frame of bob's is handled."""

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("alice sends")
        spoke = ends.succeeded("bob speaks", "UNAUTHORIZED")
        judge_that_bob_is_back(harness, listens=not (spoke and frame is FRAMES["unsubscribe"]))

    acts = {"alice sends": sends("alice"), "bob speaks": frame}
    lost = {"alice sends": ["bob"]}
    samples = None if store is Store.ATOMIC else 20
    interleave(tables, Setup(), acts, judge, store=store, stale=lost, samples=samples, engine_tables=engine_tables)


@pytest.mark.parametrize("one", ["ping", "subscribe"])
def test_two_concurrent_frames_revive_a_stale_connection(tables: Tables, engine_tables: Tables, one: str) -> None:
    def arrange(harness: Harness) -> None:
        harness.process(stale=["bob"]).post_message("alice", "bob does not get this", "before")

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["one frame", "another"]
        judge_that_bob_is_back(harness, listens=True)

    acts = {"one frame": FRAMES[one], "another": FRAMES["message"]}
    interleave(tables, Setup(), acts, judge, arrange=arrange, samples=30, engine_tables=engine_tables)


def test_frame_and_disconnect_of_a_stale_connection_leave_no_subscription(
    tables: Tables, engine_tables: Tables
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice sends")
        assert ends.succeeded("bob disconnects")
        ends.succeeded("bob speaks", "UNAUTHORIZED")
        and_then_alice_sends(harness)
        check(harness, subscribers=OTHERS)

    acts: dict[str, Act] = {
        "alice sends": sends("alice"),
        "bob disconnects": lambda process: process.disconnect("bob"),
        "bob speaks": says("bob", "subscribe"),
    }
    lost = {name: ["bob"] for name in acts}
    interleave(tables, Setup(), acts, judge, stale=lost, samples=80, engine_tables=engine_tables)


@BOTH_STORES
def test_connection_marked_stale_concurrently_is_stale_once(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names()) == 2 or store is not Store.ATOMIC
        check(harness, subscribers=OTHERS)
        if ends.succeeded_names():
            heard_by = harness.process().app.stores.subscriptions.subscribers(harness.conversation)
            assert harness.connection_id("bob") not in {subscription.connection_id for subscription in heard_by}

    acts = {"alice sends": sends("alice"), "carol sends": sends("carol")}
    lost = {name: ["bob"] for name in acts}
    samples = None if store is Store.ATOMIC else 20
    interleave(tables, Setup(), acts, judge, store=store, stale=lost, samples=samples, engine_tables=engine_tables)


@pytest.mark.parametrize("second", ["ping", "subscribe"])
def test_first_two_concurrent_frames_make_a_connection_reachable(
    tables: Tables, engine_tables: Tables, second: str
) -> None:
    shape = Setup(sockets=OTHERS, subscribed=OTHERS)

    def arrange(harness: Harness) -> None:
        harness.late_sockets.add("bob")
        harness.process().connect("bob")

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["one frame", "another"]
        and_then_alice_sends(harness)
        check(harness, subscribers=MEMBERS)

    acts = {"one frame": FRAMES["subscribe"], "another": FRAMES[second]}
    interleave(tables, shape, acts, judge, arrange=arrange, samples=30, engine_tables=engine_tables)


def test_recipient_that_disconnects_during_a_send_delays_no_other(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["alice sends", "bob disconnects"]
        check(harness, subscribers=OTHERS)

    acts: dict[str, Act] = {
        "alice sends": sends("alice"),
        "bob disconnects": lambda process: process.disconnect("bob"),
    }
    lost = {"alice sends": ["bob"]}
    interleave(tables, Setup(), acts, judge, stale=lost, engine_tables=engine_tables)
