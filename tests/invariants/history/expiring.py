"""The end of some programs: days of retention pass while people write on, sweeps come, and all is read again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

from tests.invariants.history.cast import Cast
from tests.invariants.history.checker.retention import overdue
from tests.invariants.history.person import Person
from tests.invariants.history.records import Expiry, History, Recorder
from tests.invariants.history.steps import read_events

PATIENCE = 30.0
"""Seconds within which what is past retention must have gone, by as many sweeps as there is time for."""
_LOOK = 0.25
"""Seconds between two looks at the clock."""


async def expire(cast: Cast, before: History, days: int, idle: Callable[[], Awaitable[None]]) -> Expiry:
    """Let time pass and sweeps come; what happens from here on stands in a record of its own."""
    cast.recorder = Recorder()
    over = time.time() + days * before.retention_day
    for writer in itertools.cycle(cast.people):
        await _write(writer)
        await asyncio.sleep(_LOOK)
        if time.time() >= over:
            break
    expiry = Expiry(time.time(), cast.recorder.history.calls)
    deadline = time.monotonic() + PATIENCE
    for writer in itertools.cycle(cast.people):
        cast.world.sweep()
        await _write(writer)
        await idle()
        expiry.swept = cast.recorder.now()
        for where in cast.conversations:
            await _is_read(cast, where)
        if not overdue(before, expiry) or time.monotonic() > deadline:
            break
        await asyncio.sleep(_LOOK)
    await asyncio.gather(*(_look(each) for each in cast.people))
    return expiry


async def _is_read(cast: Cast, where: str) -> None:
    """The log by somebody who may, if there is anybody."""
    for person in cast.people:
        if (await read_events(person, where, after=0, limit=100)).is_ok:
            return


async def _write(person: Person) -> None:
    for where in person.cast.conversations:
        await person.says(person.intends(where, {"content": person.cast.text()}), None, times=1)


async def _look(person: Person) -> None:
    for where in person.cast.conversations:
        await read_events(person, where, after=0, limit=100)
        path = f"/conversations/{where}"
        await person.http("look", where, "GET", path)
        await person.http("messages", where, "GET", f"{path}/messages", query={"limit": 100})
