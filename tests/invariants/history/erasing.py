"""The end of some programs: one person is erased while the others write on, and then everybody reads it all."""

from __future__ import annotations

import asyncio
import time

from tests.invariants.history.cast import Cast
from tests.invariants.history.person import Person
from tests.invariants.history.records import Erasure, Recorder
from tests.invariants.history.steps import read_events, read_list

PATIENCE = 30.0
"""Seconds within which an erasure must be done."""
_LOOK = 0.1
"""Seconds between two questions how far it is."""


async def erase(cast: Cast, person: Person) -> Erasure:
    """Erase somebody; what happens from here on stands in a record of its own."""
    cast.recorder = Recorder()
    others = [each for each in cast.people if each is not person]
    await asyncio.gather(_ask_for_it(person), *(_write(each, person) for each in others))
    is_done = await _wait(person)
    done = cast.recorder.now() if is_done else None
    await asyncio.gather(*(_look(each) for each in others))
    return Erasure(person.id, cast.recorder.history.calls, done)


async def _ask_for_it(person: Person) -> None:
    await person.http("erase", "", "DELETE", "/me")


async def _write(writer: Person, person: Person) -> None:
    """Name them, and react to what they said, wherever both are in, as long as they are."""
    for where in writer.cast.conversations:
        body = {"content": writer.cast.text(), "mentions": [person.id]}
        await writer.says(writer.intends(where, body), None, times=1)
        said = [number for number, who in writer.cast.messages(where) if who == person.id]
        if said:
            path = f"/conversations/{where}/messages/{said[-1]}/reactions"
            await writer.http("react", where, "PUT", path, query={"emoji": "👍"})


async def _wait(person: Person) -> bool:
    """Whether it is done before our patience is."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        call = await person.http("erasure", "", "GET", "/me/erasure")
        if call.is_ok and call.answer["status"] == "done":
            return True
        await asyncio.sleep(_LOOK)
    return False


async def _look(person: Person) -> None:
    for where in person.cast.conversations:
        await read_events(person, where, after=0, limit=100)
        path = f"/conversations/{where}"
        await person.http("look", where, "GET", path)
        await person.http("messages", where, "GET", f"{path}/messages", query={"limit": 100})
        await person.http("bans", where, "GET", f"{path}/bans")
        await person.http("audit", where, "GET", f"{path}/audit")
    await read_list(person, limit=50)
