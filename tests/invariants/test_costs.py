"""What a message costs: round trips before the acknowledgement, and store calls altogether, counted exactly."""

from collections import Counter

import pytest

from chalicelib.core.messaging.group_commit import MAX_BATCH
from local.faults.recording import Journal, RecordingClient
from tests.invariants.checker import check
from tests.invariants.interleaving import Act
from tests.invariants.rounds import Rounds
from tests.invariants.test_queue import PATIENT, leave_queued
from tests.invariants.world import Process, Shape, Stage, World

ALONE = {"get_item": 3, "update_item": 1, "transact_write_items": 1, "query": 1}
"""Socket, head, membership; rate; commit; recipients."""
CROWDS = (1, 2, 10, 50)


def crowd(count: int) -> Shape:
    people = ("alice", *(f"guest_{number}x" for number in range(count - 1)))
    return Shape(people=people, sockets=people, listening=people)


class Bill:
    """What one request cost."""

    def __init__(self, world: World, act: Act, skew: float = 0.0) -> None:
        self.rounds_at: dict[str, int] = {}
        self._world, self._rounds, self._journal = world, Rounds(), Journal()
        self._before = len(world.posts)
        process: Process = world.process(
            self._rounds.client(RecordingClient(world.stage.engine, self._journal)),
            skew=skew,
            gather=self._rounds.gather,
            posted=self._posted,
            timing=PATIENT,
        )
        act(process)
        self.rounds = self._rounds.now

    def _posted(self) -> None:
        self.rounds_at.setdefault(self._world.posts[-1].frame["type"], self._rounds.now)

    @property
    def calls(self) -> Counter[str]:
        """The store calls, by operation."""
        return self._journal.counts()

    @property
    def pushed(self) -> int:
        """How many sockets the event was posted to."""
        return sum(post.frame["type"] == "event" for post in self._world.posts[self._before :])

    def recipient_queries(self) -> int:
        """Queries of the connections table."""
        return self._journal.count("query", table=self._world.stage.connections_table)


def sends(process: Process) -> object:
    return process.writes("alice", "hi", "k")


@pytest.mark.parametrize("count", CROWDS)
def test_a_message_by_socket_costs_two_round_trips_before_the_ack_however_many_hear_it(
    stage: Stage, count: int
) -> None:
    world = stage.world(crowd(count))
    bill = Bill(world, sends)
    # The first round reads the socket's row, with the head beside it; two more follow.
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == ALONE
    assert bill.recipient_queries() == 1
    assert bill.pushed == count
    assert bill.rounds == 3 + 1, "and one for the recipients"
    assert check(world, hears=world.sockets).texts == ["hi"]


@pytest.mark.parametrize("count", CROWDS)
def test_a_message_by_http_costs_two_round_trips_before_the_commit(stage: Stage, count: int) -> None:
    world = stage.world(crowd(count))
    bill = Bill(world, lambda process: process.sends("alice", "hi", "k"))
    assert bill.calls == {"get_item": 2, "update_item": 1, "transact_write_items": 1, "query": 1}
    assert bill.rounds_at["event"] == 2 + 1
    assert bill.pushed == count


def test_a_reply_that_mentions_people_costs_two_reads_more_and_no_round_trip(stage: Stage) -> None:
    world = stage.world(crowd(10))
    Bill(world, sends)

    def replies(process: Process) -> object:
        mentions = [process.world.person(each) for each in process.world.shape.people[1:]]
        fields = {"client_message_id": "k2", "content": "hi", "reply_to": 2, "mentions": mentions}
        return process.says("alice", "message", **fields)

    bill = Bill(world, replies, skew=1.0)
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == Counter(ALONE) + Counter({"get_item": 1, "batch_get_item": 1})


def test_a_message_in_a_burst_costs_one_write_more_and_no_round_trip(stage: Stage) -> None:
    world = stage.world(crowd(2))
    Bill(world, sends)
    bill = Bill(world, lambda process: process.writes("alice", "hi", "k2"))
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == Counter(ALONE) + Counter({"update_item": 1})


def test_the_first_message_after_a_silence_costs_one_write_more_and_no_round_trip(stage: Stage) -> None:
    bill = Bill(stage.world(crowd(2)), sends, skew=100.0)
    assert bill.rounds_at["message_ack"] == 1 + 2
    assert bill.calls == Counter(ALONE) + Counter({"update_item": 1})


def test_a_repeat_costs_two_reads_more(stage: Stage) -> None:
    world = stage.world(crowd(2))
    Bill(world, sends)
    bill = Bill(world, sends, skew=1.0)
    assert bill.rounds_at["message_ack"] == 1 + 2 + 1 + 1, "the commit that finds it, the event, the head"
    assert bill.calls == Counter(ALONE) + Counter({"get_item": 2})


def test_one_who_leads_a_full_batch_pays_for_one_transaction(stage: Stage) -> None:
    world = stage.world(crowd(3))
    for number in range(MAX_BATCH - 1):
        leave_queued(world, "alice", f"dead{number}")
    bill = Bill(world, lambda process: process.writes("guest_0x", "alive", "k"), skew=0.1)
    assert bill.calls["transact_write_items"] == 1
    assert check(world).texts == ["dead"] * (MAX_BATCH - 1) + ["alive"]
    assert bill.pushed == 3, "each sender fans out its own"


CHANGES: dict[str, tuple[Act, Counter[str]]] = {
    "edit": (lambda process: process.says("alice", "edit", target=2, content="other"), Counter()),
    "edit, naming people": (
        lambda process: process.says(
            "alice", "edit", target=2, content="other", mentions=[process.world.person("alice")]
        ),
        Counter({"batch_get_item": 1}),
    ),
    "react": (
        lambda process: process.says("alice", "react", target=2, emoji="👍"),
        Counter({"get_item": 1}),
    ),
    "unreact": (
        lambda process: process.says("alice", "unreact", target=2, emoji="👋"),
        Counter({"get_item": 1}),
    ),
}
"""Each with the calls that it costs beyond socket, head, membership, message; rate; commit; recipients."""


@pytest.mark.parametrize("count", CROWDS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_socket_costs_two_round_trips_before_the_ack_however_many_hear_it_or_have_reacted(
    stage: Stage, count: int, change: str
) -> None:
    act, more = CHANGES[change]
    world = stage.world(crowd(count))
    Bill(world, sends)
    for name in world.shape.people:
        world.process().react(name, 2, "👋")
    bill = Bill(world, act, skew=1.0)
    assert bill.rounds_at["ack"] == 1 + 2
    assert bill.calls == Counter(ALONE) + Counter({"get_item": 1}) + more
    assert bill.pushed == count


def test_a_deletion_costs_a_query_for_reactions_and_a_read_more_if_it_was_edited(stage: Stage) -> None:
    def takes_back(process: Process) -> object:
        return process.says("alice", "delete", target=2)

    world = stage.world(crowd(10))
    Bill(world, sends)
    bill = Bill(world, takes_back, skew=1.0)
    assert bill.calls == Counter(ALONE) + Counter({"get_item": 1, "query": 1})
    assert bill.rounds_at["ack"] == 1 + 3

    world = stage.world(crowd(10))
    Bill(world, sends)
    for name in world.shape.people:
        world.process().react(name, 2, "👋")
    for number in range(50):
        world.process(skew=number).edit("alice", 2, f"version {number}")
    bill = Bill(world, takes_back, skew=100.0)
    assert bill.calls["batch_get_item"] == bill.calls["batch_write_item"] == 1
    assert bill.calls["transact_write_items"] == 1
    assert check(world).texts == ["(deleted)"]


@pytest.mark.parametrize("count", CROWDS)
def test_who_subscribes_pays_the_same_however_many_are_there(stage: Stage, count: int) -> None:
    bill = Bill(stage.world(crowd(count)), lambda process: process.says("alice", "subscribe"))
    # Socket, membership; the subscription; head; events, people, and who of them is online; membership; then
    # whether this is the person's first socket here, which others are to be told.
    assert bill.calls == {"get_item": 5, "transact_write_items": 1, "query": 5, "batch_get_item": 1}
