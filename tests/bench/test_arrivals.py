"""Arrivals in a conversation in which others write without a pause, in simulated time."""

from __future__ import annotations

import random

import pytest

from bench.harness import Harness, make_harness
from bench.latencies import TYPICAL_LATENCY
from bench.simulation import Simulation
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.requests import NewParticipant, UpdateConversation

SECONDS = 2.0
ARRIVALS = 8


def principal(participant_id: str) -> Principal:
    return Principal(participant_id, participant_id.title())


def arrivals(simulation: Simulation, senders: int, arrival: str) -> list[float]:
    """Return how long each arrival took, in seconds. An arrival that fails raises."""
    harness = make_harness(simulation, senders, latency=TYPICAL_LATENCY, seed=1)
    owner = principal(harness.participant_ids[0])
    conversations, conversation_id = harness.chat.conversations, harness.conversation_id
    conversations.lifecycle.update(owner, conversation_id, UpdateConversation(join_policy="open"))
    durations: list[float] = []
    ends_at = simulation.now() + SECONDS

    def arrive(number: int) -> None:
        simulation.sleep(SECONDS * number / (ARRIVALS + 1))
        started, newcomer = simulation.now(), f"newcomer-{number}"
        if arrival == "join":
            conversations.members.join(principal(newcomer), conversation_id)
        else:
            request = NewParticipant(participant_id=newcomer, name=newcomer)
            conversations.additions.add(owner, conversation_id, request)
        durations.append(simulation.now() - started)

    simulation.gather(
        *(lambda name=name: write_until(harness, simulation, name, ends_at) for name in harness.participant_ids),
        *(lambda number=number: arrive(number) for number in range(1, ARRIVALS + 1)),
    )
    return durations


def write_until(harness: Harness, simulation: Simulation, participant_id: str, ends_at: float) -> None:
    number = 0
    while simulation.now() < ends_at:
        number += 1
        message = harness.message(f"{participant_id}-{number}")
        harness.chat.messaging.sender.send(principal(participant_id), harness.conversation_id, message)


@pytest.mark.parametrize("arrival", ["join", "add"])
@pytest.mark.parametrize("senders", [1, 20])
def test_arrivals_succeed_while_others_write_without_a_pause(senders: int, arrival: str) -> None:
    random.seed(senders)
    simulation = Simulation()
    (durations,) = simulation.run(lambda: arrivals(simulation, senders, arrival))
    assert len(durations) == ARRIVALS
    assert max(durations) < Timing().append_deadline / 2
