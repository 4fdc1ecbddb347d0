"""The last phase of some programs: days of retention pass while participants send, sweeps run, all read."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

from tests.invariants.history.checker.retention import overdue
from tests.invariants.history.participant import Participant
from tests.invariants.history.records import Expiry, History, Recorder
from tests.invariants.history.registry import Registry
from tests.invariants.history.steps import read_events

PATIENCE = 30.0
"""Seconds within which expired contents must be removed, by any number of sweeps."""
_LOOK = 0.25
"""Seconds between two checks of the time."""


async def expire(registry: Registry, before: History, days: int, idle: Callable[[], Awaitable[None]]) -> Expiry:
    """Let time pass and sweeps run; the requests of this phase have their own recorder."""
    registry.recorder = Recorder()
    over = time.time() + days * before.retention_day
    for writer in itertools.cycle(registry.participants):
        await _write(writer)
        await asyncio.sleep(_LOOK)
        if time.time() >= over:
            break
    expiry = Expiry(time.time(), registry.recorder.history.calls)
    deadline = time.monotonic() + PATIENCE
    for writer in itertools.cycle(registry.participants):
        registry.server.sweep()
        await _write(writer)
        await idle()
        expiry.swept = registry.recorder.now()
        for conversation_id in registry.conversations:
            await _is_read(registry, conversation_id)
        if not overdue(before, expiry) or time.monotonic() > deadline:
            break
        await asyncio.sleep(_LOOK)
    await asyncio.gather(*(_look(participant) for participant in registry.participants))
    return expiry


async def _is_read(registry: Registry, conversation_id: str) -> None:
    """Read the log as any member, if there is one."""
    for participant in registry.participants:
        if (await read_events(participant, conversation_id, after=0, limit=100)).is_ok:
            return


async def _write(participant: Participant) -> None:
    for conversation_id in participant.registry.conversations:
        await participant.send(
            participant.compose(conversation_id, {"content": participant.registry.new_text()}), None, times=1
        )


async def _look(participant: Participant) -> None:
    for conversation_id in participant.registry.conversations:
        await read_events(participant, conversation_id, after=0, limit=100)
        path = f"/conversations/{conversation_id}"
        await participant.http("view", conversation_id, "GET", path)
        await participant.http("messages", conversation_id, "GET", f"{path}/messages", query={"limit": 100})
