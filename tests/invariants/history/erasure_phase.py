"""The last phase of some programs: one participant is erased while the others send, and all read everything."""

from __future__ import annotations

import asyncio
import time

from tests.invariants.history.participant import Participant
from tests.invariants.history.records import Erasure, Recorder
from tests.invariants.history.registry import Registry
from tests.invariants.history.steps import read_events, read_list

PATIENCE = 30.0
"""Seconds within which an erasure must finish."""
_LOOK = 0.1
"""Seconds between two status requests."""


async def erase(registry: Registry, participant: Participant) -> Erasure:
    """Erase a participant; the requests of this phase have their own recorder."""
    registry.recorder = Recorder()
    others = [writer for writer in registry.participants if writer is not participant]
    await asyncio.gather(_ask_for_it(participant), *(_write(other, participant) for other in others))
    is_done = await _wait(participant)
    done = registry.recorder.now() if is_done else None
    await asyncio.gather(*(_look(other) for other in others))
    return Erasure(participant.id, registry.recorder.history.calls, done)


async def _ask_for_it(participant: Participant) -> None:
    await participant.http("erase", "", "DELETE", "/me")


async def _write(writer: Participant, participant: Participant) -> None:
    """Mention the participant and react to their messages in all shared conversations."""
    for conversation_id in writer.registry.conversations:
        body = {"content": writer.registry.new_text(), "mentions": [participant.id]}
        await writer.send(writer.compose(conversation_id, body), None, times=1)
        sent = [number for number, sender in writer.registry.messages(conversation_id) if sender == participant.id]
        if sent:
            path = f"/conversations/{conversation_id}/messages/{sent[-1]}/reactions"
            await writer.http("react", conversation_id, "PUT", path, query={"emoji": "👍"})


async def _wait(participant: Participant) -> bool:
    """Return whether the erasure finishes in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        call = await participant.http("erasure", "", "GET", "/me/erasure")
        if call.is_ok and call.answer["status"] == "done":
            return True
        await asyncio.sleep(_LOOK)
    return False


async def _look(participant: Participant) -> None:
    for conversation_id in participant.registry.conversations:
        await read_events(participant, conversation_id, after=0, limit=100)
        path = f"/conversations/{conversation_id}"
        await participant.http("view", conversation_id, "GET", path)
        await participant.http("messages", conversation_id, "GET", f"{path}/messages", query={"limit": 100})
        await participant.http("bans", conversation_id, "GET", f"{path}/bans")
        await participant.http("audit", conversation_id, "GET", f"{path}/audit")
    await read_list(participant, limit=50)
