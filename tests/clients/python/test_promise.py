"""L9 under random faults: the view is the log from a marked start; each send is in the log once and in order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clients.python.world import CONVERSATIONS, WINDOW, World

ROOT = Path(__file__).resolve().parents[3]
SCHEDULES = 50
LONG = 150
CODES = ("UNAVAILABLE", "RATE_LIMITED", "UNAUTHORIZED", "TOKEN_EXPIRED")
Step = tuple[str, int]


def conversation(index: int) -> str:
    return CONVERSATIONS[index % len(CONVERSATIONS)]


def _set_busy(world: World, index: int) -> None:
    world.server.busy, world.server.transient_code = index % 4, CODES[(index + index // 4) % len(CODES)]


def _fail_handshakes(world: World, index: int) -> None:
    world.failing_handshakes = index % 3
    world.close_socket()


def _fail_tokens(world: World, index: int) -> None:
    world.failing_tokens = index % 3
    world.close_socket()


def _toggle_refusal(world: World, _index: int) -> None:
    world.server.is_refusing = not world.server.is_refusing


def _jump_back(world: World, index: int) -> None:
    world.now -= 100.0 * index


def _toggle_storage(world: World, _index: int) -> None:
    world.storage.is_full = not world.storage.is_full


def _flow(world: World, index: int) -> None:
    for _ in range(2 * index):
        world.execute(0)
        world.deliver(0)


STEPS: dict[str, Callable[[World, int], object]] = {
    "send": lambda world, index: world.send(conversation(index)),
    "send again": lambda world, index: world.send(conversation(index)),
    "other": lambda world, index: world.other_sends(conversation(index)),
    "others": lambda world, index: world.other_sends(conversation(index), 5 * index),
    "very many others": lambda world, index: world.other_sends(conversation(index), 600 if index == 0 else 30),
    "edit": lambda world, index: world.update(conversation(index), "edit", index // 2),
    "delete": lambda world, index: world.update(conversation(index), "delete", index // 2),
    "react": lambda world, index: world.update(conversation(index), "react", index // 2),
    "older": lambda world, index: world.older(conversation(index)),
    "retry": lambda world, index: world.retry_or_discard(conversation(index), is_retry=True),
    "discard": lambda world, index: world.retry_or_discard(conversation(index), is_retry=False),
    "flow": _flow,
    "flow again": _flow,
    "flow once more": _flow,
    "execute": lambda world, index: world.execute(index),
    "execute first": lambda world, _: world.execute(0),
    "deliver": lambda world, index: world.deliver(index),
    "deliver first": lambda world, _: world.deliver(0),
    "deliver twice": lambda world, index: world.deliver(index, is_kept=True),
    "lose an answer": lambda world, index: world.execute(index, is_answered=False),
    "lose a command": lambda world, index: world.lose(world.to_server, index),
    "lose a frame": lambda world, index: world.lose(world.to_client, index),
    "close": lambda world, _: world.close_socket(),
    "half open": lambda world, _: world.half_open(),
    "busy": _set_busy,
    "refuse handshakes": _fail_handshakes,
    "refuse tokens": _fail_tokens,
    "refuse messages": _toggle_refusal,
    "wait": lambda world, index: world.advance(0.1 * index),
    "sleep": lambda world, index: world.advance(1_000.0 * index),
    "jump back": _jump_back,
    "crash": lambda world, _: world.crash(),
    "crash soon": lambda world, index: setattr(world, "crash_in", index),
    "storage full": _toggle_storage,
    "send a long one": lambda world, index: world.send(conversation(index), 3_000),
    "post": lambda world, index: world.post(index),
    "post without answer": lambda world, index: world.post(index, is_answered=False),
    "lose a post": lambda world, index: world.post(index, is_executed=False),
    "read": lambda world, index: world.read(conversation(index), index // 2),
    "reopen": lambda world, index: world.reopen(conversation(index), is_drained=index > 5),
    "echo": lambda world, index: world.echo(index),
    "restore": lambda world, index: world.restore(index),
}
"""The names and effects of all steps; the number selects a conversation, a frame, or an extent."""
ANY_STEPS = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 11)), min_size=20, max_size=120)


def run(steps: list[Step], seed: int, resume: bool) -> None:
    world = World(seed, resume, WINDOW if seed % 3 == 0 else None)
    for name, index in steps:
        STEPS[name](world, index)
    world.settle()


@settings(max_examples=30)
@given(ANY_STEPS, st.integers(0, 3), st.booleans())
def test_view_is_the_log_and_sends_are_in_it_once_under_random_faults(
    steps: list[Step], seed: int, resume: bool
) -> None:
    run(steps, seed, resume)


def test_frames_of_the_client_are_as_published() -> None:
    document = json.loads((ROOT / "docs" / "schemas.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for({"$ref": "#/$defs/ClientFrame", "$defs": document["$defs"]})
    world = World(seed=1)
    for step, choice in enumerate(sorted(STEPS) * 3):
        STEPS[choice](world, step % 12)
        for _, frame in world.to_server:
            assert [error.message for error in validator.iter_errors(frame)] == []


def test_schedule_without_faults_resolves_sends_and_shows_the_log() -> None:
    world = World()
    world.settle()
    keys = [world.send("conv_a"), world.send("conv_a")]
    world.settle()
    assert [message.client_message_id for message in world.client.messages("conv_a")] == keys
    assert set(world.judge.resolved_in) == set(keys)


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_view_is_the_log_and_sends_are_in_it_once_on_long_schedules(seed: int) -> None:
    # Hypothesis draws short schedules more often, and these reach states that need many steps.
    choices = random.Random(seed)
    steps = [(choices.choice(sorted(STEPS)), choices.randrange(12)) for _ in range(LONG)]
    run(steps, seed, resume=seed % 2 == 1)
