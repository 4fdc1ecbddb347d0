"""The cost of each request: sequential round trips before the acknowledgement, and store calls."""

from collections import Counter
from typing import Any

import pytest

from chalicelib.core.messaging.group_commit import MAX_BATCH
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from local.faults.recording import Journal, RecordingClient
from tests.invariants.cases import said_as
from tests.invariants.checker import check
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import Act
from tests.invariants.process import Process
from tests.invariants.round_trips import RoundTrips
from tests.invariants.tables import Tables
from tests.invariants.test_group_commit import PATIENT, leave_queued

ALONE = {"get_item": 3, "update_item": 1, "transact_write_items": 1, "query": 1}
"""Connection, head, membership; rate; commit; recipients."""
FEED = Counter({"query": 1, "get_item": 1, "batch_get_item": 1})
"""After the acknowledgement, beside the posts: the roster, the head again, the directory."""
SENT = Counter(ALONE) + FEED
CROWDS = (1, 2, 10, 50)


@pytest.fixture(name="tables")
def tables_with_feed(tables: Tables) -> Tables:
    """Return tables of an application that sends activity to feeds."""
    return tables.with_limits(activity_participants=100)


def crowd(count: int) -> Setup:
    people = ("alice", *(f"guest_{number}x" for number in range(count - 1)))
    return Setup(members=people, sockets=people, subscribed=people)


class CapacityMeter(Layer):
    """Sums the capacity units that calls consume."""

    def __init__(self, inner: DynamoClient) -> None:
        super().__init__(inner)
        self.writes = self.reads = 0.0

    def call(self, call: Call) -> Any:
        answer = self.forward(call.with_arguments(ReturnConsumedCapacity="TOTAL"))
        consumed = answer["ConsumedCapacity"]
        units = sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed]))
        if call.writes:
            self.writes += units
        else:
            self.reads += units
        return answer


class Bill:
    """The cost of one request."""

    def __init__(self, harness: Harness, act: Act, skew: float = 0.0) -> None:
        self.rounds_at: dict[str, int] = {}
        self._harness, self._rounds, self._journal = harness, RoundTrips(), Journal()
        self._before = len(harness.posts)
        self.units = CapacityMeter(harness.tables.engine)
        process: Process = harness.process(
            self._rounds.client(RecordingClient(self.units, self._journal)),
            skew=skew,
            gather=self._rounds.gather,
            on_post=self._posted,
            timing=PATIENT,
        )
        act(process)
        self.rounds = self._rounds.count

    def _posted(self) -> None:
        self.rounds_at.setdefault(self._harness.posts[-1].frame["type"], self._rounds.count)

    @property
    def calls(self) -> Counter[str]:
        """Return the store calls by operation."""
        return self._journal.counts()

    @property
    def pushed(self) -> int:
        """Return the number of connections to which the event was posted."""
        return sum(post.frame["type"] == "events" for post in self._harness.posts[self._before :])

    def recipient_queries(self) -> int:
        """Return the number of queries of the connections table."""
        return self._journal.count("query", table=self._harness.tables.connections_table)


def sends(process: Process) -> object:
    return process.send_message("alice", "hi", "k")


@pytest.mark.parametrize("count", CROWDS)
def test_socket_message_costs_two_round_trips_before_the_ack(tables: Tables, count: int) -> None:
    harness = tables.harness(crowd(count))
    bill = Bill(harness, sends)
    # The first round trip reads the connection and the head; two more follow.
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == SENT
    assert bill.recipient_queries() == 1
    assert bill.pushed == count
    assert bill.rounds == 3 + 1 + 2, "one for the recipients, two for the feed"
    assert check(harness, subscribers=harness.sockets).texts == ["hi"]


@pytest.mark.parametrize("count", CROWDS)
def test_http_message_costs_two_round_trips_before_the_commit(tables: Tables, count: int) -> None:
    harness = tables.harness(crowd(count))
    bill = Bill(harness, lambda process: process.post_message("alice", "hi", "k"))
    assert bill.calls == Counter({"get_item": 2, "update_item": 1, "transact_write_items": 1, "query": 1}) + FEED
    assert bill.rounds_at["events"] == 2 + 1
    assert bill.pushed == count


def test_reply_with_mentions_costs_two_more_reads_and_no_round_trip(tables: Tables) -> None:
    harness = tables.harness(crowd(10))
    Bill(harness, sends)

    def replies(process: Process) -> object:
        mentions = [process.harness.participant_id(member) for member in process.harness.setup.members[1:]]
        fields = {"client_message_id": "k2", "content": "hi", "reply_to": 2, "mentions": mentions}
        return process.send_frame("alice", "message", **fields)

    bill = Bill(harness, replies, skew=1.0)
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == SENT + Counter({"get_item": 1, "batch_get_item": 1})


def test_message_in_a_burst_costs_one_more_write_and_one_more_round_trip(tables: Tables) -> None:
    harness = tables.harness(crowd(2))
    Bill(harness, sends)
    bill = Bill(harness, lambda process: process.send_message("alice", "hi", "k2"), skew=0.05)
    assert bill.rounds_at["message_ack"] == 1 + 2 + 1, "the charge, which is reserved before the commit"
    assert bill.calls == SENT + Counter({"update_item": 1})


def test_message_above_the_burst_costs_one_write(tables: Tables) -> None:
    harness = tables.with_limits(message_burst=24, messages_per_second=1).harness(crowd(2))
    for number in range(24):
        harness.process(skew=number / 100).send_message("alice", "hi", f"k{number}")
    bill = Bill(harness, lambda process: process.send_message("alice", "hi", "more"), skew=0.5)
    assert bill.calls == {"get_item": 3, "update_item": 1}


def test_first_message_after_a_pause_costs_one_more_write_and_no_round_trip(tables: Tables) -> None:
    bill = Bill(tables.harness(crowd(2)), sends, skew=100.0)
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == SENT + Counter({"update_item": 1})


def test_repeat_costs_two_more_reads(tables: Tables) -> None:
    harness = tables.harness(crowd(2))
    Bill(harness, sends)
    bill = Bill(harness, sends, skew=1.0)
    assert bill.rounds_at["message_ack"] == 1 + 2 + 1 + 1, "the commit that finds it, the event, the head"
    assert bill.calls == Counter(ALONE) + Counter({"get_item": 2})


def flushes(process: Process) -> object:
    return process.send_batch("alice", *(said_as(f"{number}") for number in range(20)))


def test_outbox_of_20_messages_is_one_transaction_and_one_post_for_each_subscriber(tables: Tables) -> None:
    harness = tables.harness(crowd(100))
    bill = Bill(harness, flushes)
    # Connection, membership and head; the rate limit; the messages; the recipients.
    assert bill.calls == SENT
    assert bill.rounds_at["batch_result"] == 1 + 1 + 2
    assert bill.pushed == 100, "99 others and the sender's own connection, each with one frame"
    head = harness.process().app.stores.event_log.head(harness.conversation)
    assert head is not None
    assert head.contended_until == 0, "one sender is no contention"
    assert check(harness, subscribers=harness.sockets).texts == [str(n) for n in range(20)]


def test_outbox_in_a_contended_conversation_is_one_entry_and_one_transaction(tables: Tables) -> None:
    harness = tables.harness(crowd(10))
    harness.make_contended()
    bill = Bill(harness, flushes)
    assert (bill.calls["put_item"], bill.calls["transact_write_items"]) == (1, 1)
    assert bill.pushed == 10
    assert check(harness, subscribers=harness.sockets).texts == [str(n) for n in range(20)]


def test_repeated_outbox_is_one_attempt_and_one_read_for_each_message(tables: Tables) -> None:
    harness = tables.harness(crowd(10))
    Bill(harness, flushes)
    bill = Bill(harness, flushes, skew=9)
    assert (bill.calls["transact_write_items"], bill.calls["put_item"]) == (1, 0)
    assert bill.pushed == 10, "pushed again, in one frame"


def test_leader_of_a_full_batch_needs_one_transaction(tables: Tables) -> None:
    harness = tables.harness(crowd(3))
    for number in range(MAX_BATCH - 1):
        leave_queued(harness, "alice", f"dead{number}")
    bill = Bill(harness, lambda process: process.send_message("guest_0x", "alive", "k"), skew=0.1)
    assert bill.calls["transact_write_items"] == 1
    assert check(harness).texts == ["dead"] * (MAX_BATCH - 1) + ["alive"]
    assert bill.pushed == 3, "the leader pushes all in one frame to each subscriber"
    assert harness.pushed_event_ids("guest_1x") == [*range(2, MAX_BATCH + 2)]


CHANGES: dict[str, tuple[Act, Counter[str]]] = {
    "edit": (lambda process: process.send_frame("alice", "edit", target=2, content="other"), FEED),
    "edit, naming people": (
        lambda process: process.send_frame(
            "alice", "edit", target=2, content="other", mentions=[process.harness.participant_id("alice")]
        ),
        FEED + Counter({"batch_get_item": 1}),
    ),
    "react": (
        lambda process: process.send_frame("alice", "react", target=2, emoji="👍"),
        Counter({"get_item": 1}),
    ),
    "unreact": (
        lambda process: process.send_frame("alice", "unreact", target=2, emoji="👋"),
        Counter({"get_item": 1}),
    ),
}
"""The calls of each update beyond connection, head, membership, message; rate; commit; recipients."""


@pytest.mark.parametrize("count", CROWDS)
@pytest.mark.parametrize("change", CHANGES)
def test_socket_update_costs_two_round_trips_before_the_ack(tables: Tables, count: int, change: str) -> None:
    act, more = CHANGES[change]
    harness = tables.harness(crowd(count))
    Bill(harness, sends)
    for name in harness.setup.members:
        harness.process().add_reaction(name, 2, "👋")
    bill = Bill(harness, act, skew=1.0)
    assert bill.rounds_at["ack"] == 1 + 2
    assert bill.calls == Counter(ALONE) + Counter({"get_item": 1}) + more
    assert bill.pushed == count


def test_deletion_costs_a_query_and_one_more_read_if_edited(tables: Tables) -> None:
    def takes_back(process: Process) -> object:
        return process.send_frame("alice", "delete", target=2)

    harness = tables.harness(crowd(10))
    Bill(harness, sends)
    bill = Bill(harness, takes_back, skew=1.0)
    assert bill.calls == SENT + Counter({"get_item": 1, "query": 1})
    assert bill.rounds_at["ack"] == 1 + 3

    harness = tables.harness(crowd(10))
    Bill(harness, sends)
    for name in harness.setup.members:
        harness.process().add_reaction(name, 2, "👋")
    for number in range(50):
        harness.process(skew=number).edit_message("alice", 2, f"version {number}")
    bill = Bill(harness, takes_back, skew=100.0)
    assert (bill.calls["batch_get_item"], bill.calls["batch_write_item"]) == (1 + 1, 1)
    assert bill.calls["transact_write_items"] == 1
    assert check(harness).texts == ["(deleted)"]


@pytest.mark.parametrize("count", CROWDS)
def test_subscribe_costs_the_same_with_any_number_of_subscribers(tables: Tables, count: int) -> None:
    bill = Bill(tables.harness(crowd(count)), lambda process: process.send_frame("alice", "subscribe"))
    # Connection, membership; the subscription; head; events, participants and presence; membership; then
    # whether this is the participant's first connection here, which is to be pushed.
    # Read pointers of the participants are a batch of their memberships.
    assert bill.calls == {"get_item": 5, "transact_write_items": 1, "query": 5, "batch_get_item": 2}


def unsubscribes(process: Process) -> object:
    return process.send_frame("alice", "unsubscribe")


@pytest.mark.parametrize("count", CROWDS[1:])
def test_unsubscribe_costs_a_transaction_of_two_and_presence(tables: Tables, count: int) -> None:
    bill = Bill(tables.harness(crowd(count)), unsubscribes)
    # Connection, subscription; the tombstone and the end of the fan-out; then presence: head, subscribers,
    # membership, and the recipients of the push.
    assert bill.calls == {"get_item": 4, "transact_write_items": 1, "query": 2}
    assert bill.units.writes == 4


def test_tombstones_cost_readers_of_the_conversation_nothing(tables: Tables) -> None:
    units: list[tuple[float, float]] = []
    for leaves in (False, True):
        harness = tables.harness(crowd(100))
        for name in harness.setup.members[1:] if leaves else ():
            harness.process(skew=-1.0).send_frame(name, "unsubscribe")
        bill = Bill(harness, sends)
        units.append((bill.units.writes, bill.units.reads))
        assert bill.calls == SENT
        assert bill.pushed == (1 if leaves else 100)
    assert units[1][0] == units[0][0]
    assert units[1][1] < units[0][1], "the query of one subscription reads less than that of a hundred"


def test_superseded_command_costs_what_it_writes(tables: Tables) -> None:
    harness = tables.harness(crowd(2))
    for command in ("unsubscribe", "typing"):
        fields = {"is_typing": False} if command == "typing" else {}
        harness.process().send_frame("alice", command, n=2, **fields)
    late = Bill(harness, lambda process: process.send_frame("alice", "subscribe", n=1), skew=1.0)
    assert late.calls == {"get_item": 2, "transact_write_items": 1}, "neither a snapshot nor presence"
    late = Bill(harness, lambda process: process.send_frame("alice", "unsubscribe", n=1), skew=1.0)
    assert late.calls == {"get_item": 2, "transact_write_items": 1}
    late = Bill(harness, lambda process: process.send_frame("alice", "typing", n=1, is_typing=True), skew=1.0)
    assert late.calls == {"get_item": 3, "update_item": 1}


@pytest.mark.parametrize(
    ("seconds", "updates", "pushed"), [(3.0, 1, 1), (1.0, 2, 0)], ids=["due", "too soon for a push"]
)
def test_repeated_typing_costs_one_write_if_a_push_is_due(
    tables: Tables, seconds: float, updates: int, pushed: int
) -> None:
    def types(process: Process) -> object:
        return process.send_frame("alice", "typing", is_typing=True)

    harness = tables.harness(crowd(2))
    Bill(harness, types)
    bill = Bill(harness, types, skew=seconds)
    assert bill.calls == Counter({"get_item": 3, "update_item": updates, "query": pushed}) + Counter()
    assert bill.units.writes <= 2


@pytest.mark.parametrize("tombstones", [0, 3])
def test_disconnect_deletes_a_tombstone_for_one_write_unit(tables: Tables, tombstones: int) -> None:
    harness = tables.harness(crowd(2))
    process = harness.process()
    for _ in range(tombstones):
        other = process.create_conversation("alice")["conversation_id"]
        process.send_frame("alice", "unsubscribe", conversation_id=other)
    bill = Bill(harness, lambda process: process.disconnect("alice"))
    assert bill.calls["batch_write_item"] == 1
    assert bill.units.writes == 3 + 2 + tombstones, (
        "connection and its two references; the subscription; tombstones"
    )
