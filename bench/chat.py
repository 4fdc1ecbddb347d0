"""What the whole chat carries on this machine: people with sockets, the real server, real sockets and posts.

Closed loop: some messages are always under way, and whenever one is acknowledged and everybody has heard it, the
next person speaks (if only the acknowledgement counted, pushes would pile up behind the figures). Fixed rate:
messages are due at even distances whatever becomes of the ones before, and every latency counts from when the
message was due (so that a server that stalls does not also stall the clock).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from .histories import Acked, Faults, check
from .people import Person, gathered
from .phases import Phase, Seen, main_table, side_table
from .server import Server, running_server

HEARD_SECONDS = 5.0
"""So long the closed loop waits for pushes: as long as the server goes on posting."""
LOOK_SECONDS = 0.005
SETTLE_SECONDS = 10.0
"""So long pushes are waited for at the end; what is not there then is fetched by `sync`."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    people: tuple[int, ...] = (2, 10, 50, 100)
    seconds: float = 6.0
    at_most: int = 600
    """Messages of a phase."""
    under_way: int = 10
    """Messages at most under way at the same time in the closed loop: more would only wait in the server."""
    share: float = 0.5
    """The fixed rate, as a share of what the closed loop reached."""


async def measure(server: Server, scale: Scale, show: Callable[[str], None]) -> list[Phase]:
    """All phases, one after the other."""
    phases: list[Phase] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for count in scale.people:
            names = [f"person-{count}-{index}" for index in range(count)]
            people = await gathered(session, server, names)
            under_way = min(count, scale.under_way)
            closed = await _phase(server, people, f"closed, {under_way}", _closed(people, scale, under_way))
            rate = max(round(scale.share * len(closed.acked) / closed.seconds), 1)
            fixed = await _phase(server, people, f"{rate}/s", _fixed(people, scale, rate))
            phases += [closed, fixed]
            await asyncio.gather(*(each.leave() for each in people))
            show(f"{count} people: done")
    return phases


Load = Callable[[], Awaitable[list[Acked]]]
"""Lets people talk; what was acknowledged."""


def _closed(people: Sequence[Person], scale: Scale, under_way: int) -> Load:
    async def talk() -> list[Acked]:
        until = time.monotonic() + scale.seconds
        turns = itertools.count()
        acked: list[Acked] = []

        async def speak() -> None:
            while time.monotonic() < until and (turn := next(turns)) < scale.at_most:
                person = people[turn % len(people)]
                said = await person.say(f"{person.name}:{turn}c", time.monotonic())
                acked.append(said)
                await _until(_everybody_heard(people, said.sequence_id), HEARD_SECONDS)

        await asyncio.gather(*(speak() for _ in range(under_way)))
        return acked

    return talk


def _everybody_heard(people: Sequence[Person], sequence_id: int) -> Callable[[], bool]:
    return lambda: all(sequence_id in each.heard.at for each in people)


def _fixed(people: Sequence[Person], scale: Scale, rate: int) -> Load:
    async def talk() -> list[Acked]:
        begin = time.monotonic()

        async def speak(turn: int) -> Acked:
            due = begin + turn / rate
            await asyncio.sleep(due - time.monotonic())
            person = people[turn % len(people)]
            return await person.say(f"{person.name}:{turn}f", due)

        count = max(min(int(rate * scale.seconds), scale.at_most), 1)
        return list(await asyncio.gather(*(speak(turn) for turn in range(count))))

    return talk


async def _phase(server: Server, people: Sequence[Person], load: str, talk: Load) -> Phase:
    """Let people talk, wait until everybody has heard everything, and hold it all against the log."""
    calls, processor = server.store_calls(), server.processor_seconds()
    before = _counters(people)
    begin = time.monotonic()
    acked = await talk()
    seconds = time.monotonic() - begin
    deliveries = sum(begin <= at <= begin + seconds for each in people for at in each.heard.at.values())
    head = max((each.sequence_id for each in acked), default=0)
    await _until(lambda: all(len(each.heard.events) >= head for each in people), SETTLE_SECONDS)
    whole_seconds = time.monotonic() - begin
    calls_after, processor_after = server.store_calls(), server.processor_seconds()
    await asyncio.gather(*(each.sync(head) for each in people))
    seen = _counters(people).since(before)
    due = {each.sequence_id: each.at - each.seconds for each in acked}
    return Phase(
        people=len(people),
        load=load,
        seconds=seconds,
        whole_seconds=whole_seconds,
        acked=acked,
        fan_out=[at - due[number] for each in people for number, at in each.heard.at.items() if number in due],
        deliveries=deliveries,
        faults=_faults(people, acked),
        seen=seen,
        calls=calls_after - calls,
        processor={name: processor_after[name] - processor[name] for name in processor},
    )


def _counters(people: Sequence[Person]) -> Seen:
    heard = [each.heard for each in people]
    return Seen(
        sum(each.recovered for each in heard),
        sum(each.repeated for each in heard),
        sum(each.overtaken for each in heard),
        sum(each.busy for each in people),
    )


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, but not longer than so."""
    deadline = time.monotonic() + seconds
    # To look now and then costs less than to be woken by every push.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)


def _faults(people: Sequence[Person], acked: Sequence[Acked]) -> Faults:
    """The log as each receiver has it, against what was acknowledged; the sum over all receivers."""
    total = Faults()
    for person in people:
        log = [person.heard.events[number] for number in sorted(person.heard.events)]
        found = check(acked, log)
        total.lost += found.lost
        total.doubled += found.doubled
        total.reordered += found.reordered + person.heard.contradicted
        total.holes += found.holes
    return total


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Callable[[str], None], progress: Callable[[str], None]) -> bool:
    """Measure and show everything; whether nothing was lost, doubled or reordered."""
    with running_server() as server:
        phases = asyncio.run(measure(server, scale, progress))
    show(main_table(phases))
    show("\nWhat else was seen, and what the processor did:\n")
    show(side_table(phases))
    return all(each.is_well for each in phases)
