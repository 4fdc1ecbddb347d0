"""What the core tells of a send and of a fan-out, when others are in the way."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.errors import ConversationBusy
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.group_commit import GroupCommit
from chalicelib.core.messaging.sender import DIRECT_ATTEMPTS, Sender
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.commits import Commit, HeadConflict, WriteConflict
from chalicelib.core.protocol.requests import SendMessage
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.outbox import DirectReply, ToSubscribers
from tests.support.runtime import new_runtime

from .conftest import World


class Told:
    """An `Observer` that keeps all it is told."""

    def __init__(self) -> None:
        self.values: dict[Metric, list[float]] = defaultdict(list)
        self.ids: dict[str, str | None] = {}

    def count(self, metric: Metric, value: float = 1) -> None:
        self.values[metric].append(value)

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        told = {"conversation_id": conversation_id, "participant_id": participant_id}
        self.ids |= {name: value for name, value in told.items() if value is not None}

    def sums(self) -> dict[Metric, float]:
        """What was counted, added up."""
        return {what: sum(values) for what, values in self.values.items()}


class Quarrelsome:
    """A store in which somebody else is quicker for so many commits."""

    def __init__(self, store: Any, quarrels: list[Exception]) -> None:
        self._store = store
        self._quarrels = quarrels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, commit: Commit) -> None:
        """Append, if nobody is in the way."""
        if self._quarrels:
            raise self._quarrels.pop(0)
        self._store.commit(commit)


def sender(world: World, told: Told, quarrels: list[Exception], timing: Timing | None = None) -> Sender:
    store: Any = Quarrelsome(world.chat.stores.event_log, quarrels)
    runtime = new_runtime(observer=told, timing=timing)
    log = Log(event_log=store, runtime=runtime)
    return Sender(
        event_log=store,
        memberships=world.chat.stores.memberships,
        rate_limits=world.chat.stores.rate_limits,
        log=log,
        group_commit=GroupCommit(event_log=store, log=log, runtime=runtime),
        runtime=runtime,
    )


def fan_out(world: World, told: Told, clock: Clock) -> FanOut:
    return FanOut(
        connections=world.chat.stores.connections,
        subscriptions=world.chat.stores.subscriptions,
        presence=world.chat.realtime.fan_out._presence,
        poster=world.poster,
        runtime=new_runtime(observer=told, clock=clock),
    )


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_frame_is_told_to_be_about_its_socket_s_person_and_the_conversation_that_it_names(
    world: World, told: Told
) -> None:
    where, nowhere = world.conversation("alice"), "a text that is no id"
    world.opens("Zux7aeaAFiACHZQ=", "alice")
    chat = world.told_to(told)
    for named, expected in ((where, where), (nowhere, None)):
        told.ids.clear()
        frame = {"type": "typing", "conversation_id": named, "is_typing": True}
        chat.sessions.dispatcher.receive("Zux7aeaAFiACHZQ=", json.dumps(frame))
        assert told.ids == {"participant_id": "alice"} | ({"conversation_id": expected} if expected else {})


@pytest.mark.parametrize("lost", range(DIRECT_ATTEMPTS))
def test_every_lost_race_is_a_conflict(world: World, told: Told, lost: int) -> None:
    where = world.conversation("alice")
    head = world.chat.stores.event_log.head(where)
    quarrels: list[Exception] = [HeadConflict(head) for _ in range(lost)]
    sender(world, told, quarrels).send(Principal("alice", "alice"), where, SendMessage(content="hi"))
    conflicts = {Metric.APPEND_CONFLICTS: lost} if lost else {}
    assert told.sums() == {Metric.MESSAGES_ACCEPTED: 1, **conflicts}
    assert told.ids == {"conversation_id": where, "participant_id": "alice"}


def test_who_loses_too_often_is_queued_and_accepted_once(world: World, told: Told) -> None:
    where = world.conversation("alice")
    quarrels: list[Exception] = [WriteConflict() for _ in range(DIRECT_ATTEMPTS + 1)]
    sender(world, told, quarrels).send(Principal("alice", "alice"), where, SendMessage(content="hi"))
    assert told.sums() == {
        Metric.MESSAGES_ACCEPTED: 1,
        Metric.MESSAGES_QUEUED: 1,
        Metric.APPEND_CONFLICTS: DIRECT_ATTEMPTS + 1,
    }


def test_who_is_refused_as_busy_is_not_accepted(world: World, told: Told) -> None:
    where = world.conversation("alice")
    hurried = replace(Timing(), append_deadline=0.2)
    quarrels: list[Exception] = [WriteConflict() for _ in range(1_000)]
    with pytest.raises(ConversationBusy):
        sender(world, told, quarrels, hurried).send(Principal("alice", "alice"), where, SendMessage(content="hi"))
    sums = told.sums()
    assert sums[Metric.MESSAGES_BUSY] == 1
    assert sums[Metric.APPEND_CONFLICTS] == 1_000 - len(quarrels)
    assert Metric.MESSAGES_ACCEPTED not in sums


class LateClock(SystemClock):
    """A clock that says of the present that it is much later than it was."""

    def now(self) -> float:
        return 1_000.25


def test_an_acknowledgement_is_timed_from_the_moment_api_gateway_got_the_message(world: World, told: Told) -> None:
    delivery = fan_out(world, told, LateClock())
    ack = DirectReply("a=", 0, [{"type": "message_ack"}], received_at=1_000.0)
    delivery.deliver([], within=5, reply=ack)
    assert told.values == {Metric.ACK_LATENCY: [250.0]}
    for silent in (
        replace(ack, frames=[{"type": "pong"}]),
        replace(ack, received_at=None),
        replace(ack, frames=[]),
    ):
        delivery.deliver([], within=5, reply=silent)
    world.poster.gone.add("a=")
    delivery.deliver([], within=5, reply=ack)
    assert told.values == {Metric.ACK_LATENCY: [250.0]}
    # A clock that is behind API Gateway's does not make a time negative.
    delivery.deliver([], within=5, reply=replace(ack, connection_id="b=", received_at=2_000.0))
    assert told.values[Metric.ACK_LATENCY] == [250.0, 0.0]


def test_a_fan_out_is_measured_by_its_sockets_whatever_becomes_of_them(world: World, told: Told) -> None:
    where = world.conversation("alice", "bob")
    for person in ("alice", "bob"):
        world.opens(f"{person}-{where}", person, where)
    world.poster.gone.add(f"bob-{where}")
    delivery = fan_out(world, told, SystemClock())
    frame = {"type": "event"}
    delivery.deliver([ToSubscribers(where, frame, {}), ToSubscribers(where, frame, {})], within=5)
    assert told.values[Metric.FAN_OUT_SIZE] == [2]
    (took,) = told.values[Metric.FAN_OUT_LATENCY]
    assert 0 <= took < 5_000
