"""The cost of reading as data grows: round trips to the store in simulated time, calls, and read units.

Parallel calls count as one round trip. In front of the engine in memory every call takes the same time, so the
duration of a request gives the number of sequential calls.
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
from chalicelib.core.protocol.queries import ConversationsQuery, MessagesQuery
from chalicelib.core.protocol.requests import CreateConversation
from local.faults import Latency
from local.faults.engine import MemoryEngine

from .harness import CONTENT, CONVERSATIONS, Harness, make_harness, new_engine
from .simulation import Simulation
from .stats import table
from .targets import Targets

Print = Callable[[str], None]
_CALL_LATENCY = 0.004
_CONSTANT_LATENCY = Latency(call=_CALL_LATENCY, transaction=_CALL_LATENCY, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """The amount of data."""

    conversations: tuple[int, ...] = (10, 1_000)
    messages: tuple[int, ...] = (1_000, 100_000)
    max_round_trips: int = 12


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one request."""

    round_trips: int
    calls: int
    read_units: int
    items: int
    """The number of items in the response."""


def _measure_cost(harness: Harness, request: Callable[[], int]) -> Cost:
    before, begun = harness.meter.tally.copy(), harness.time.monotonic()
    found = request()
    spent = harness.meter.tally.since(before)
    round_trips = round((harness.time.monotonic() - begun) / _CALL_LATENCY)
    return Cost(round_trips, sum(spent.calls.values()), sum(spent.reads.values()), found)


def list_cost(conversations: int) -> Cost:
    """Measure the first page of a list of this many conversations."""

    def measure(harness: Harness, _: MemoryEngine) -> Cost:
        caller = Principal("lister", "Lister")
        for number in range(conversations):
            harness.chat.conversations.creation.create(caller, CreateConversation(title=f"Conversation {number}"))

        def read() -> int:
            answer = harness.chat.conversations.views.list(caller, ConversationsQuery())
            listed = answer["conversations"]
            return len(listed) if isinstance(listed, list) else 0

        return _measure_cost(harness, read)

    return _in_simulation(measure)


def history_cost(messages: int) -> Cost:
    """Measure the newest page of a history of this many messages."""

    def measure(harness: Harness, engine: MemoryEngine) -> Cost:
        _fill(harness, engine, messages)
        reader = Principal(harness.participant_ids[0], None)

        def read() -> int:
            answer = harness.chat.conversations.history.messages(reader, harness.conversation_id, MessagesQuery())
            found = answer["messages"]
            return len(found) if isinstance(found, list) else 0

        return _measure_cost(harness, read)

    return _in_simulation(measure)


def _in_simulation(measure: Callable[[Harness, MemoryEngine], Cost]) -> Cost:
    random.seed(1)
    simulation, engine = Simulation(), new_engine()

    def run() -> Cost:
        return measure(make_harness(simulation, 2, latency=_CONSTANT_LATENCY, seed=1, engine=engine), engine)

    (result,) = simulation.run(run)
    found: Cost = result
    return found


def _fill(harness: Harness, engine: MemoryEngine, messages: int) -> None:
    """Write messages directly to the log, as if they had been sent."""
    end = harness.chat.stores.event_log.head(harness.conversation_id)
    if end is None:
        raise LookupError("the conversation does not exist")
    first = end.sequence_id + 1
    message: Event = {
        "conversation_id": harness.conversation_id,
        "type": "message",
        "created_at": "2026-11-22T00:00:00.000Z",
        "sender": {"participant_id": harness.participant_ids[0], "name": "Person", "type": "human"},
        "content": CONTENT,
    }
    for number in range(messages):
        event: Event = {**message, "sequence_id": first + number, "message_id": f"msg_{number}"}
        engine.put_item(TableName=CONVERSATIONS, Item=marshal_item(event_to_item(event, number + 1, None)))
    key = marshal_key(*head_key(harness.conversation_id))
    item = unmarshal_item(engine.get_item(TableName=CONVERSATIONS, Key=key)["Item"])
    last = first + messages - 1
    item |= {"sequence_id": last, "message_count": messages, "last_message": last}
    engine.put_item(TableName=CONVERSATIONS, Item=marshal_item(item))
    if head_from_item(item).message_count != messages:
        raise LookupError("the head has a wrong message count")


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and print everything; return whether the costs are within their limits."""
    lists = {number: list_cost(number) for number in scale.conversations}
    histories = {number: history_cost(number) for number in scale.messages}
    rows = [_row(f"first page of a list of {number:,} conversations", cost) for number, cost in lists.items()]
    rows += [_row(f"newest page of {number:,} messages", cost) for number, cost in histories.items()]
    show(table(("request", "round trips", "calls", "read units", "items returned"), rows))
    same = len({(history.round_trips, history.calls, history.read_units) for history in histories.values()}) == 1
    few = all(item.round_trips <= scale.max_round_trips for item in lists.values())
    most, limit = max(lists), scale.max_round_trips
    targets.at_most(f"round trips of the first page of {most:,} conversations", lists[most].round_trips, limit)
    costs = [history.calls + history.read_units for history in histories.values()]
    targets.at_most("calls and units of a page: longest history over shortest", max(costs) / min(costs), 1)
    show(
        f"\nA list takes {'at most' if few else 'MORE THAN'} {scale.max_round_trips} round trips; the cost of"
        f" history {'is independent of' if same else 'DEPENDS ON'} the number of messages."
    )
    return same and few


def _row(name: str, cost: Cost) -> tuple[str, ...]:
    return name, str(cost.round_trips), str(cost.calls), str(cost.read_units), str(cost.items)
