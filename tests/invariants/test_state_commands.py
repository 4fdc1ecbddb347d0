"""Pairs of state commands on one connection, in every permutation: the higher (`n`, time of arrival) wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core.kernel.clock import rfc3339
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.fakes import START_TIME

OTHERS = ("alice", "carol")
START = Setup(), Setup(subscribed=OTHERS)
ARRIVAL = int(START_TIME * 1000) + 10_000
"""When the gateway receives the first command of a pair, in milliseconds."""


@dataclass(frozen=True)
class Sent:
    """How one command of a pair is ordered: its `n`, if it has one, and when it arrives after `ARRIVAL`."""

    n: int | None = None
    after: int = 0

    def send(self, process: Process, command: str, **fields: Any) -> list[dict[str, Any]]:
        """Send the command from bob's socket; return its replies about the conversation."""
        if command == "hello":
            fields["subscribe"] = [{"conversation_id": process.harness.conversation}]
        if self.n is not None:
            fields["n"] = self.n
        replies = process.send_frame_at(ARRIVAL + self.after, "bob", command, **fields)
        return [reply for reply in replies if reply["type"] != "welcome"]


ORDERS: Mapping[str, tuple[Sent, Sent]] = {
    "n": (Sent(n=1), Sent(n=2)),
    "arrival": (Sent(), Sent(after=1)),
    "n before arrival": (Sent(n=1, after=5), Sent(n=2)),
    "n before none": (Sent(after=5), Sent(n=1)),
}
"""The order of the first and the second command of a pair: the second one wins."""
TIE = (Sent(n=3), Sent(n=3))
SUBSCRIBING = ("subscribe", "hello")
PAIRS = [
    (first, second)
    for first in (*SUBSCRIBING, "unsubscribe")
    for second in (*SUBSCRIBING, "unsubscribe")
    if first != second
]
EACH_ORDER = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
EACH_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=", then ".join)
EACH_START = pytest.mark.parametrize("start", START, ids=["subscribed", "not subscribed"])


def answer_to(command: str) -> str:
    """Return the type of the reply to a subscribing or unsubscribing command that is executed."""
    return "subscribed" if command in SUBSCRIBING else "unsubscribed"


def is_subscribed(harness: Harness) -> bool:
    """Whether bob's socket receives the next message; the laws hold either way."""
    before = len(harness.pushed_event_ids("bob"))
    harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")
    received = len(harness.pushed_event_ids("bob")) - before
    assert check(harness, subscribers=OTHERS).texts == ["afterwards"]
    return bool(received)


def presence_of_bob(harness: Harness) -> list[bool]:
    """Return the presence pushes about bob to alice."""
    return [
        frame["online"]
        for frame in harness.pushed_frames("alice", "presence")
        if frame["participant"]["participant_id"] == harness.participant_id("bob")
    ]


def acts_of(pair: tuple[str, str], order: tuple[Sent, Sent]) -> dict[str, Act]:
    """Return both commands of a pair as operations."""

    def act(command: str, sent: Sent) -> Act:
        return lambda process: sent.send(process, command)

    names = [f"{number} {command}" for number, command in enumerate(pair)]
    return dict(zip(names, map(act, pair, order), strict=True))


# ---- subscriptions: one after the other --------------------------------------------------------------------


@EACH_START
@EACH_ORDER
@EACH_PAIR
def test_pair_in_the_order_of_arrival_has_both_effects(
    tables: Tables, pair: tuple[str, str], order: tuple[Sent, Sent], start: Setup
) -> None:
    harness = tables.harness(start)
    for number in (0, 1):
        (answer,) = order[number].send(harness.process(skew=float(number)), pair[number])
        assert answer["type"] == answer_to(pair[number])
    assert is_subscribed(harness) == (pair[1] in SUBSCRIBING)


@EACH_START
@EACH_ORDER
@EACH_PAIR
def test_overtaken_command_changes_nothing(
    tables: Tables, pair: tuple[str, str], order: tuple[Sent, Sent], start: Setup
) -> None:
    harness = tables.harness(start)
    (answer,) = order[1].send(harness.process(), pair[1])
    assert answer["type"] == answer_to(pair[1])
    items, presence = harness.items(), presence_of_bob(harness)
    answers = order[0].send(harness.process(skew=1.0), pair[0], id="late")
    about = {"conversation_id": harness.conversation, "id": "late"}
    assert answers == [{"type": "superseded", **about}]
    assert harness.items() == items
    assert presence_of_bob(harness) == presence
    assert is_subscribed(harness) == (pair[1] in SUBSCRIBING)


@EACH_PAIR
@pytest.mark.parametrize("first", [0, 1], ids=["in order", "overtaken"])
def test_tie_belongs_to_the_command_that_is_executed_later(
    tables: Tables, pair: tuple[str, str], first: int
) -> None:
    harness = tables.harness()
    for number in (first, 1 - first):
        (answer,) = TIE[number].send(harness.process(), pair[number])
        assert answer["type"] == answer_to(pair[number])
    assert is_subscribed(harness) == (pair[1 - first] in SUBSCRIBING)


def test_hello_applies_its_order_to_each_conversation(tables: Tables) -> None:
    harness = tables.harness(START[1])
    other = harness.process().create_conversation("bob")["conversation_id"]
    process = harness.process(skew=1.0)
    process.send_frame("bob", "unsubscribe", n=5)
    wanted = [{"conversation_id": harness.conversation}, {"conversation_id": other}]
    welcome, first, second = process.send_frame("bob", "hello", n=4, id="h", subscribe=wanted)
    assert (welcome["type"], second["type"], second["conversation_id"]) == ("welcome", "subscribed", other)
    assert first == {"type": "superseded", "conversation_id": harness.conversation, "id": "h"}
    harness.posts.clear()  # the check knows one conversation only
    harness.responses.clear()
    assert not is_subscribed(harness)


def test_order_is_that_of_one_connection(tables: Tables) -> None:
    """A new connection begins with any `n`, and those of another connection do not matter."""
    harness = tables.harness(Setup(sockets=(*MEMBERS, "bob2"), subscribed=OTHERS))
    harness.process().send_frame("bob", "unsubscribe", n=9)
    (answer,) = harness.process(skew=1.0).send_frame("bob2", "subscribe", n=1)
    assert answer["type"] == "subscribed"


def test_non_member_is_answered_like_before_whatever_the_order(tables: Tables) -> None:
    harness = tables.harness()
    harness.process().send_frame("bob", "unsubscribe", n=9)
    harness.process(skew=1.0).remove_participant("alice", "bob")
    for number in (3, 10):
        (answer,) = harness.process(skew=2.0).send_frame("bob", "subscribe", n=number)
        assert answer["code"] == "NOT_FOUND"


# ---- subscriptions: concurrent -----------------------------------------------------------------------------


@BOTH_STORES
@pytest.mark.parametrize("order", ["n", "arrival"])
@pytest.mark.parametrize(
    "pair",
    [
        ("subscribe", "unsubscribe"),
        ("unsubscribe", "subscribe"),
        ("hello", "unsubscribe"),
        ("unsubscribe", "hello"),
    ],
    ids=", then ".join,
)
def test_later_command_of_a_concurrent_pair_wins(
    tables: Tables, engine_tables: Tables, pair: tuple[str, str], order: str, store: Store
) -> None:
    acts = acts_of(pair, ORDERS[order])
    early, late = acts

    def judge(harness: Harness, ends: Results) -> None:
        wins = ends.succeeded(late)
        if ends.succeeded(early):
            (answer,) = ends[early]
            assert answer["type"] in (answer_to(pair[0]), "superseded")
        if wins:
            assert ends[late][0]["type"] == answer_to(pair[1])
            assert is_subscribed(harness) == (pair[1] in SUBSCRIBING)

    samples = None if store is Store.ATOMIC and order == "n" else 20
    interleave(tables, Setup(), acts, judge, store=store, samples=samples, engine_tables=engine_tables)


@pytest.mark.parametrize("start", START, ids=["subscribed", "not subscribed"])
def test_concurrent_tie_is_answered_as_it_ends(tables: Tables, start: Setup) -> None:
    pair = ("subscribe", "unsubscribe")
    acts = acts_of(pair, TIE)
    seen: set[bool] = set()

    def judge(harness: Harness, ends: Results) -> None:
        assert [ends[name][0]["type"] for name in acts] == [answer_to(command) for command in pair]
        seen.add(is_subscribed(harness))

    interleave(tables, start, acts, judge)
    assert seen == {True, False}


def test_frame_that_revives_a_connection_does_not_restore_what_another_unsubscribes(tables: Tables) -> None:
    def arrange(harness: Harness) -> None:
        harness.process(stale=["bob"]).post_message("alice", "bob does not get this", "before")

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("pings")
        if ends.succeeded("unsubscribes"):
            before = len(harness.pushed_event_ids("bob"))
            harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")
            assert len(harness.pushed_event_ids("bob")) == before
        check(harness, subscribers=OTHERS)

    acts: dict[str, Act] = {
        "pings": lambda process: process.send_frame("bob", "ping"),
        "unsubscribes": lambda process: process.send_frame("bob", "unsubscribe", n=1),
    }
    interleave(tables, Setup(), acts, judge, arrange=arrange, samples=120)


@pytest.mark.parametrize("command", ["unsubscribe", "typing"])
def test_command_concurrent_with_the_disconnect_leaves_its_order_at_most(tables: Tables, command: str) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("disconnects")
        ends.succeeded("commands", "UNAUTHORIZED")
        assert not is_subscribed(harness)
        for key, item in harness.items().items():
            if key.pk == f"X#{harness.connection_id('bob')}":
                assert set(item) <= {"pk", "sk", "is_tombstone", "order", "is_pushed", "expires_at"}

    fields = {"is_typing": False} if command == "typing" else {}
    acts: dict[str, Act] = {
        "commands": lambda process: process.send_frame("bob", command, n=1, **fields),
        "disconnects": lambda process: process.disconnect("bob"),
    }
    interleave(tables, Setup(), acts, judge)


# ---- tombstones --------------------------------------------------------------------------------------------


def subscription_rows(harness: Harness) -> list[tuple[str, bool]]:
    """Return the rows of bob's subscription: the kind of the partition, and whether each is a tombstone."""
    connection = harness.connection_id("bob")
    return [
        (key.pk[0], "is_tombstone" in item)
        for key, item in sorted(harness.items().items())
        if key.sk.startswith("S#") and connection in key.pk + key.sk
    ]


def test_repeated_subscribing_and_unsubscribing_leaves_one_tombstone(tables: Tables) -> None:
    harness = tables.harness()
    for number in range(20):
        command = "unsubscribe" if number % 2 else "subscribe"
        harness.process(skew=float(number)).send_frame("bob", command, n=number)
    assert subscription_rows(harness) == [("X", True)], "the conversation's partition has none"
    stores = harness.process().app.stores
    assert stores.subscriptions.subscriptions_of_connection(harness.connection_id("bob")) == []
    assert stores.subscriptions.subscription(harness.connection_id("bob"), harness.conversation) is None
    participants = harness.process(skew=1.0).get_conversation("alice")["participants"]
    assert [participant["online"] for participant in participants] == [True, False, True]
    assert not is_subscribed(harness)


def test_tombstone_expires_with_the_connection(tables: Tables) -> None:
    harness = tables.harness()
    harness.process(skew=60.0).send_frame("bob", "unsubscribe")
    rows = {key.sk: item for key, item in harness.items().items() if key.pk.startswith("X#bob")}
    assert rows[f"S#{harness.conversation}"]["expires_at"] == rows["CONNECTION"]["expires_at"]


def test_disconnect_deletes_tombstones_and_typing(tables: Tables) -> None:
    harness = tables.harness()
    process = harness.process()
    process.send_frame("bob", "typing", is_typing=True)
    process.send_frame("bob", "unsubscribe")
    process.disconnect("bob")
    assert [key for key in harness.items() if harness.connection_id("bob") in key.pk + key.sk] == []


def test_revived_connection_stays_unsubscribed(tables: Tables) -> None:
    harness = tables.harness()
    harness.process().send_frame("bob", "unsubscribe", n=1)
    stores = harness.process().app.stores
    assert stores.connections.mark_stale(harness.connection_id("bob"), 1) == []
    harness.process(skew=1.0).send_frame("bob", "ping")
    assert subscription_rows(harness) == [("X", True)]
    (answer,) = harness.process(skew=2.0).send_frame("bob", "subscribe", n=2)
    assert answer["type"] == "subscribed"
    assert is_subscribed(harness)


# ---- typing ------------------------------------------------------------------------------------------------


def typing_pushes(harness: Harness) -> list[bool]:
    """Return what alice received about bob's typing."""
    return [frame["is_typing"] for frame in harness.pushed_frames("alice", "typing")]


@EACH_START
@EACH_ORDER
def test_stop_that_overtakes_its_start_wins(tables: Tables, order: tuple[Sent, Sent], start: Setup) -> None:
    """Also on a connection that is not subscribed."""
    harness = tables.harness(start)
    order[1].send(harness.process(), "typing", is_typing=False)
    assert order[0].send(harness.process(skew=1.0), "typing", is_typing=True) == []
    assert typing_pushes(harness) == []


@EACH_START
@EACH_ORDER
def test_start_that_overtakes_a_stop_wins(tables: Tables, order: tuple[Sent, Sent], start: Setup) -> None:
    harness = tables.harness(start)
    order[1].send(harness.process(), "typing", is_typing=True)
    items = harness.items()
    assert order[0].send(harness.process(skew=1.0), "typing", is_typing=False) == []
    assert typing_pushes(harness) == [True]
    assert harness.items() == items


@EACH_ORDER
def test_start_that_comes_too_soon_for_a_push_still_wins(tables: Tables, order: tuple[Sent, Sent]) -> None:
    harness = tables.harness()
    Sent(n=0, after=-1).send(harness.process(), "typing", is_typing=True)
    order[1].send(harness.process(skew=0.5), "typing", is_typing=True)
    order[0].send(harness.process(skew=0.6), "typing", is_typing=False)
    assert typing_pushes(harness) == [True], "the stop that was overtaken has no effect"


@EACH_ORDER
def test_start_and_stop_in_order_are_both_pushed(tables: Tables, order: tuple[Sent, Sent]) -> None:
    harness = tables.harness()
    order[0].send(harness.process(), "typing", is_typing=True)
    order[1].send(harness.process(skew=0.1), "typing", is_typing=False)
    assert typing_pushes(harness) == [True, False]


def test_typing_push_has_the_time_of_arrival(tables: Tables) -> None:
    harness = tables.harness()
    Sent(after=2).send(harness.process(skew=5.0), "typing", is_typing=True)
    (push,) = harness.pushed_frames("alice", "typing")
    assert push["sent_at"] == rfc3339(ARRIVAL + 2)


def test_tie_of_typing_belongs_to_the_later_one(tables: Tables) -> None:
    harness = tables.harness()
    for is_typing in (True, False, True):
        TIE[0].send(harness.process(), "typing", is_typing=is_typing)
    assert typing_pushes(harness) == [True, False], "and the interval still holds"
    TIE[0].send(harness.process(skew=3.0), "typing", is_typing=True)
    assert typing_pushes(harness) == [True, False, True]


def test_typing_of_two_connections_is_independent(tables: Tables) -> None:
    harness = tables.harness(Setup(sockets=(*MEMBERS, "bob2")))
    harness.process().send_frame("bob", "typing", n=9, is_typing=True)
    harness.process(skew=0.1).send_frame("bob2", "typing", n=1, is_typing=False)
    assert typing_pushes(harness) == [True], "the other one has not started"
    harness.process(skew=0.2).send_frame("bob2", "typing", n=2, is_typing=True)
    harness.process(skew=0.3).send_frame("bob2", "typing", n=3, is_typing=False)
    assert typing_pushes(harness) == [True, True, False]


@pytest.mark.parametrize("order", ["n", "arrival"])
@pytest.mark.parametrize("last", [True, False], ids=["stop, then start", "start, then stop"])
def test_later_one_of_concurrent_typing_wins(
    tables: Tables, engine_tables: Tables, order: str, last: bool
) -> None:
    early, late = ORDERS[order]

    def judge(harness: Harness, ends: Results) -> None:
        assert (ends["early"], ends["late"]) == ([], [])
        (record,) = [item for key, item in harness.items().items() if key.sk.startswith("T#")]
        assert record.get("is_pushed", {"BOOL": False}) == {"BOOL": last}
        pushes = harness.pushed_frames("alice", "typing")
        pushes.sort(key=lambda push: (push["sent_at"], not push["is_typing"]))
        shown = pushes[-1]["is_typing"] if pushes else False
        assert shown == last, "whichever push arrives first"

    acts: dict[str, Act] = {
        "early": lambda process: early.send(process, "typing", is_typing=not last),
        "late": lambda process: late.send(process, "typing", is_typing=last),
    }
    interleave(tables, Setup(), acts, judge, engine_tables=engine_tables)


def test_stop_is_never_refused(tables: Tables) -> None:
    harness = tables.harness()
    process = harness.process()
    process.send_frame("bob", "typing", n=1, is_typing=True)
    process.mute("alice", "bob")
    (refused,) = process.send_frame("bob", "typing", n=2, is_typing=True)
    assert refused["code"] == "MUTED"
    assert process.send_frame("bob", "typing", n=3, is_typing=False) == []
    assert typing_pushes(harness) == [True, False]
    process.remove_participant("alice", "bob")
    (refused,) = process.send_frame("bob", "typing", n=4, is_typing=True)
    assert refused["code"] == "NOT_FOUND"
    assert process.send_frame("bob", "typing", n=5, is_typing=False) == []
    assert typing_pushes(harness) == [True, False]


# ---- by batch ----------------------------------------------------------------------------------------------


def test_react_and_unreact_in_a_batch_end_as_sent_beside_state_commands(tables: Tables) -> None:
    """A batch fixes the order of its events, whatever else the connection sends meanwhile."""

    def arrange(harness: Harness) -> None:
        harness.process().post_message("alice", "first", "first")

    def reacts(process: Process) -> object:
        mark = {"target": 2, "emoji": "👍"}
        return process.send_batch("bob", {"type": "react", **mark}, {"type": "unreact", **mark})

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("reacts")
        assert check(harness, subscribers=OTHERS).types[2:] == ["reaction_added", "reaction_removed"]

    acts: dict[str, Act] = {
        "reacts": reacts,
        "unsubscribes": lambda process: process.send_frame("bob", "unsubscribe", n=1),
    }
    interleave(tables, Setup(), acts, judge, arrange=arrange, samples=40)
