"""The feed, concurrent with removals, other messages, and the life of its connections, in every interleaving."""

from collections.abc import Mapping

import pytest

from tests.invariants.checker import check
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Arrange, Results, Store, Verify, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables

UNSUBSCRIBED = Setup(subscribed=())
TWO_DEVICES = Setup(sockets=("alice", "bob", "bob2"), subscribed=())


@pytest.fixture(name="tables")
def tables_with_feed(tables: Tables) -> Tables:
    """Return tables of an application that sends activity to feeds."""
    return tables.with_limits(activity_participants=100)


@pytest.fixture(name="engine_tables")
def engine_tables_with_feed(engine_tables: Tables) -> Tables:
    """Return the same in the engine."""
    return engine_tables.with_limits(activity_participants=100)


def asks_for_feed(socket: str) -> Act:
    return lambda process: process.send_frame(socket, "hello", feed=True)


def all_have_feeds(harness: Harness) -> None:
    for socket in harness.setup.sockets:
        harness.process(skew=-5.0).send_frame(socket, "hello", feed=True)


def alice_has_sent(harness: Harness) -> None:
    harness.process(skew=-5.0).post_message("alice", "before", "before")
    all_have_feeds(harness)


def bob_has_a_feed(harness: Harness) -> None:
    harness.process(skew=-5.0).send_frame("bob", "hello", feed=True)


def run(
    tables: Tables,
    engine_tables: Tables,
    shape: Setup,
    acts: Mapping[str, Act],
    judge: Verify,
    store: Store,
    arrange: Arrange = lambda harness: None,
    samples: int | None = None,
) -> None:
    drawn = samples if store is Store.ATOMIC else 30
    interleave(
        tables, shape, acts, judge, store=store, arrange=arrange, samples=drawn, engine_tables=engine_tables
    )


def listed(harness: Harness, *sockets: str) -> set[str]:
    owners = [harness.owner_id(socket) for socket in sockets]
    found = harness.process().app.stores.feeds.connections(list(dict.fromkeys(owners)))
    names = {harness.connection_id(socket): socket for socket in harness.sockets}
    return {names[item.connection_id] for item in found}


CHANGES: dict[str, Act] = {
    "message": lambda process: process.post_message("alice", "secret", "k"),
    "edit": lambda process: process.edit_message("alice", 2, "secret"),
    "title": lambda process: process.update_conversation("alice", title="secret"),
}


@BOTH_STORES
@pytest.mark.parametrize("change", CHANGES)
def test_member_removed_during_a_change_receives_no_activity_after_the_removal(
    tables: Tables, engine_tables: Tables, store: Store, change: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        changed = ends.succeeded("alice changes it")
        removed = ends.succeeded("carol removes bob")
        harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")
        check(harness, subscribers=())
        heads = [frame["head"] for frame in harness.pushed_frames("bob", "activity")]
        if removed:
            log = harness.process().app.stores.event_log.events(harness.conversation, 1, 20)
            (left,) = [stored.event["sequence_id"] for stored in log if stored.event["type"] == "participant_left"]
            assert all(head < left for head in heads), "nothing that came after the removal"
        of_carol = harness.pushed_frames("carol", "activity")
        assert "afterwards" in str(of_carol)
        assert ("secret" in str(of_carol)) == changed, "a member receives it"

    acts: dict[str, Act] = {
        "alice changes it": CHANGES[change],
        "carol removes bob": lambda process: process.remove_participant("carol", "bob"),
    }
    shape = Setup(subscribed=(), roles=(("carol", "owner"),))
    run(tables, engine_tables, shape, acts, judge, store, alice_has_sent)


@BOTH_STORES
def test_newest_of_concurrent_messages_is_always_shown(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        sent = len(ends.succeeded_names())
        check(harness, subscribers=())
        counts = [frame["message_count"] for frame in harness.pushed_frames("carol", "activity")]
        assert max(counts, default=0) == sent

    acts: dict[str, Act] = {
        "alice sends": lambda process: process.post_message("alice", "of alice", "k"),
        "bob sends": lambda process: process.post_message("bob", "of bob", "k"),
    }
    run(tables, engine_tables, UNSUBSCRIBED, acts, judge, store, all_have_feeds, samples=60)


@BOTH_STORES
def test_disconnect_during_hello_leaves_no_feed(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob says hello", "UNAUTHORIZED")
        ends.succeeded("bob disconnects")
        assert listed(harness, "bob") == set()
        check(harness, subscribers=())

    acts: dict[str, Act] = {
        "bob says hello": asks_for_feed("bob"),
        "bob disconnects": lambda process: process.disconnect("bob"),
    }
    run(tables, engine_tables, UNSUBSCRIBED, acts, judge, store)


@BOTH_STORES
def test_connection_found_gone_during_hello_has_a_feed_only_while_it_is_not_stale(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def posts_in_vain(process: Process) -> object:
        connection_id = process.harness.connection_id("bob")
        return process.app.stores.connections.mark_stale(connection_id, 1, process.harness.participant_id("bob"))

    def judge(harness: Harness, ends: Results) -> None:
        answered = ends.succeeded("bob says hello", "UNAVAILABLE")
        connection = harness.process().app.stores.connections.get(harness.connection_id("bob"))
        assert connection is not None
        assert (listed(harness, "bob") == {"bob"}) <= (not connection.is_stale)
        if answered:
            harness.process(skew=20.0).send_frame("bob", "ping")
            assert listed(harness, "bob") == {"bob"}, "the next frame revives it"

    acts: dict[str, Act] = {"bob says hello": asks_for_feed("bob"), "a post finds it gone": posts_in_vain}
    run(tables, engine_tables, UNSUBSCRIBED, acts, judge, store)


@BOTH_STORES
def test_two_devices_that_connect_at_once_both_have_a_feed(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        connected = {name.split()[0] for name in ends.succeeded_names()}
        assert listed(harness, "bob") == connected

    acts: dict[str, Act] = {"bob says hello": asks_for_feed("bob"), "bob2 says hello": asks_for_feed("bob2")}
    run(tables, engine_tables, TWO_DEVICES, acts, judge, store)


@BOTH_STORES
def test_device_that_disconnects_beside_another_one_leaves_it_its_feed(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        connected = ends.succeeded("bob2 says hello")
        assert listed(harness, "bob") == ({"bob2"} if connected else set())

    acts: dict[str, Act] = {
        "bob2 says hello": asks_for_feed("bob2"),
        "bob disconnects": lambda process: process.disconnect("bob"),
    }
    run(tables, engine_tables, TWO_DEVICES, acts, judge, store, bob_has_a_feed)
