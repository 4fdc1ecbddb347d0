"""What reading costs as things grow: round trips to the store in simulated time, calls, and read units.

A round trip is what somebody waits for: calls that are made at the same time are one. In front of the engine in
memory every call takes the same time, so the time that a request took says how many followed each other.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.aws.dynamodb.keys import head_key
from chalicelib.aws.dynamodb.log_items import event_to_item, head_from_item
from chalicelib.aws.dynamodb.values import marshal_item, marshal_key, unmarshal_item
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.events import Event
from chalicelib.core.protocol.requests import ConversationsQuery, CreateConversation, MessagesQuery
from local.faults import Latency

from .engine import MemoryEngine
from .figures import table
from .simulation import Simulation
from .targets import Targets
from .world import CONTENT, CONVERSATIONS, World, make_world

Print = Callable[[str], None]
_A_CALL = 0.004
_EVEN = Latency(call=_A_CALL, transaction=_A_CALL, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is to read."""

    conversations: tuple[int, ...] = (10, 1_000)
    messages: tuple[int, ...] = (1_000, 100_000)
    limit_of_round_trips: int = 12


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request."""

    round_trips: int
    calls: int
    read_units: int
    found: int
    """What it answered with, in items."""


def _cost(world: World, request: Callable[[], int]) -> Cost:
    before, begun = world.meter.tally.copy(), world.time.monotonic()
    found = request()
    spent = world.meter.tally.since(before)
    round_trips = round((world.time.monotonic() - begun) / _A_CALL)
    return Cost(round_trips, sum(spent.calls.values()), sum(spent.reads.values()), found)


def list_of(conversations: int) -> Cost:
    """The first page of the list of somebody who is in so many conversations."""

    def measure(world: World, _: MemoryEngine) -> Cost:
        somebody = Principal("somebody", "Somebody")
        for number in range(conversations):
            world.chat.conversations.lifecycle.create(somebody, CreateConversation(title=f"Conversation {number}"))

        def read() -> int:
            answer = world.chat.conversations.views.list(somebody, ConversationsQuery())
            listed = answer["conversations"]
            return len(listed) if isinstance(listed, list) else 0

        return _cost(world, read)

    return _in_simulation(measure)


def history_of(messages: int) -> Cost:
    """The newest page of history of a room with so many messages."""

    def measure(world: World, engine: MemoryEngine) -> Cost:
        _fill(world, engine, messages)
        reader = Principal(world.people[0], None)

        def read() -> int:
            answer = world.chat.conversations.history.messages(reader, world.conversation_id, MessagesQuery())
            found = answer["messages"]
            return len(found) if isinstance(found, list) else 0

        return _cost(world, read)

    return _in_simulation(measure)


def _in_simulation(measure: Callable[[World, MemoryEngine], Cost]) -> Cost:
    random.seed(1)
    simulation, engine = Simulation(), MemoryEngine()

    def run() -> Cost:
        return measure(make_world(simulation, 2, latency=_EVEN, seed=1, engine=engine), engine)

    (result,) = simulation.run(run)
    found: Cost = result
    return found


def _fill(world: World, engine: MemoryEngine, messages: int) -> None:
    """Put so many messages into the log by hand, as if they had been sent."""
    end = world.chat.stores.event_log.head(world.conversation_id)
    if end is None:
        raise LookupError("the conversation is not there")
    first = end.sequence_id + 1
    said: Event = {
        "conversation_id": world.conversation_id,
        "type": "message",
        "created_at": "2026-11-22T00:00:00.000Z",
        "sender": {"participant_id": world.people[0], "name": "Person", "type": "human"},
        "content": CONTENT,
    }
    for number in range(messages):
        event: Event = {**said, "sequence_id": first + number, "message_id": f"msg_{number}"}
        engine.put_item(TableName=CONVERSATIONS, Item=marshal_item(event_to_item(event, number + 1, None)))
    key = marshal_key(*head_key(world.conversation_id))
    item = unmarshal_item(engine.get_item(TableName=CONVERSATIONS, Key=key)["Item"])
    last = first + messages - 1
    item |= {"sequence_id": last, "message_count": messages, "last_message": last}
    engine.put_item(TableName=CONVERSATIONS, Item=marshal_item(item))
    if head_from_item(item).message_count != messages:
        raise LookupError("the head does not say how many messages there are")


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and show it; whether it stays within its limits."""
    lists = {number: list_of(number) for number in scale.conversations}
    histories = {number: history_of(number) for number in scale.messages}
    rows = [_row(f"first page of a list of {number:,} conversations", cost) for number, cost in lists.items()]
    rows += [_row(f"newest page of {number:,} messages", cost) for number, cost in histories.items()]
    show(table(("what", "round trips", "calls", "read units", "answered with"), rows))
    same = len({(each.round_trips, each.calls, each.read_units) for each in histories.values()}) == 1
    few = all(each.round_trips <= scale.limit_of_round_trips for each in lists.values())
    most, limit = max(lists), scale.limit_of_round_trips
    targets.at_most(f"round trips of the first page of {most:,} conversations", lists[most].round_trips, limit)
    costs = [each.calls + each.read_units for each in histories.values()]
    targets.at_most("calls and units of a page: longest history over shortest", max(costs) / min(costs), 1)
    show(
        f"\nA list takes {'at most' if few else 'MORE THAN'} {scale.limit_of_round_trips} round trips;"
        f" history costs {'the same' if same else 'NOT THE SAME'} however many messages there are."
    )
    return same and few


def _row(what: str, cost: Cost) -> tuple[str, ...]:
    return what, str(cost.round_trips), str(cost.calls), str(cost.read_units), str(cost.found)
