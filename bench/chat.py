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

from .histories import AckedMessage, Violations, find_violations
from .people import ChatClient, connect_clients
from .phases import ClientCounters, Phase, main_table, side_table
from .server import MeasuredServer, running_server

DELIVERY_TIMEOUT = 5.0
"""So long the closed loop waits for pushes: as long as the server goes on posting."""
POLL_INTERVAL = 0.005
FINAL_DELIVERY_TIMEOUT = 10.0
"""So long pushes are waited for at the end; what is not there then is fetched by `sync`."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    clients: tuple[int, ...] = (2, 10, 50, 100)
    seconds: float = 6.0
    max_messages: int = 600
    """Messages of a phase."""
    concurrency: int = 10
    """Messages at most under way at the same time in the closed loop: more would only wait in the server."""
    fixed_rate_share: float = 0.5
    """The fixed rate, as a share of what the closed loop reached."""


async def measure(server: MeasuredServer, scale: Scale, show: Callable[[str], None]) -> list[Phase]:
    """All phases, one after the other."""
    phases: list[Phase] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for count in scale.clients:
            names = [f"person-{count}-{index}" for index in range(count)]
            people = await connect_clients(session, server, names)
            under_way = min(count, scale.concurrency)
            closed = await _run_phase(
                server, people, f"closed, {under_way}", _closed_loop(people, scale, under_way)
            )
            rate = max(round(scale.fixed_rate_share * len(closed.acked) / closed.seconds), 1)
            fixed = await _run_phase(server, people, f"{rate}/s", _fixed_rate(people, scale, rate))
            phases += [closed, fixed]
            await asyncio.gather(*(each.close() for each in people))
            show(f"{count} people: done")
    return phases


Load = Callable[[], Awaitable[list[AckedMessage]]]
"""Lets people talk; what was acknowledged."""


def _closed_loop(people: Sequence[ChatClient], scale: Scale, under_way: int) -> Load:
    async def talk() -> list[AckedMessage]:
        until = time.monotonic() + scale.seconds
        turns = itertools.count()
        acked: list[AckedMessage] = []

        async def speak() -> None:
            while time.monotonic() < until and (turn := next(turns)) < scale.max_messages:
                person = people[turn % len(people)]
                said = await person.send_message(f"{person.name}:{turn}c", time.monotonic())
                acked.append(said)
                await _until(_all_received(people, said.sequence_id), DELIVERY_TIMEOUT)

        await asyncio.gather(*(speak() for _ in range(under_way)))
        return acked

    return talk


def _all_received(people: Sequence[ChatClient], sequence_id: int) -> Callable[[], bool]:
    return lambda: all(sequence_id in each.received.pushed_at for each in people)


def _fixed_rate(people: Sequence[ChatClient], scale: Scale, rate: int) -> Load:
    async def talk() -> list[AckedMessage]:
        begin = time.monotonic()

        async def speak(turn: int) -> AckedMessage:
            due = begin + turn / rate
            await asyncio.sleep(due - time.monotonic())
            person = people[turn % len(people)]
            return await person.send_message(f"{person.name}:{turn}f", due)

        count = max(min(int(rate * scale.seconds), scale.max_messages), 1)
        return list(await asyncio.gather(*(speak(turn) for turn in range(count))))

    return talk


async def _run_phase(server: MeasuredServer, people: Sequence[ChatClient], load: str, talk: Load) -> Phase:
    """Let people talk, wait until everybody has heard everything, and hold it all against the log."""
    calls, processor = server.store_calls(), server.cpu_seconds()
    before = _counters(people)
    begin = time.monotonic()
    acked = await talk()
    seconds = time.monotonic() - begin
    deliveries = sum(begin <= at <= begin + seconds for each in people for at in each.received.pushed_at.values())
    head = max((each.sequence_id for each in acked), default=0)
    await _until(lambda: all(len(each.received.events) >= head for each in people), FINAL_DELIVERY_TIMEOUT)
    whole_seconds = time.monotonic() - begin
    calls_after, processor_after = server.store_calls(), server.cpu_seconds()
    await asyncio.gather(*(each.sync(head) for each in people))
    seen = _counters(people).since(before)
    due = {each.sequence_id: each.acked_at - each.latency for each in acked}
    return Phase(
        clients=len(people),
        load=load,
        seconds=seconds,
        total_seconds=whole_seconds,
        acked=acked,
        fan_out=[
            at - due[number] for each in people for number, at in each.received.pushed_at.items() if number in due
        ],
        deliveries=deliveries,
        violations=_violations(people, acked),
        counters=seen,
        store_calls=calls_after - calls,
        cpu_seconds={name: processor_after[name] - processor[name] for name in processor},
    )


def _counters(people: Sequence[ChatClient]) -> ClientCounters:
    heard = [each.received for each in people]
    return ClientCounters(
        sum(each.synced for each in heard),
        sum(each.duplicates for each in heard),
        sum(each.out_of_order for each in heard),
        sum(each.retries for each in people),
    )


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, but not longer than so."""
    deadline = time.monotonic() + seconds
    # To look now and then costs less than to be woken by every push.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(POLL_INTERVAL)


def _violations(people: Sequence[ChatClient], acked: Sequence[AckedMessage]) -> Violations:
    """The log as each receiver has it, against what was acknowledged; the sum over all receivers."""
    total = Violations()
    for person in people:
        log = [person.received.events[number] for number in sorted(person.received.events)]
        found = find_violations(acked, log)
        total.lost += found.lost
        total.duplicated += found.duplicated
        total.reordered += found.reordered + person.received.contradictions
        total.gaps += found.gaps
    return total


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Callable[[str], None], progress: Callable[[str], None]) -> bool:
    """Measure and show everything; whether nothing was lost, doubled or reordered."""
    with running_server() as server:
        phases = asyncio.run(measure(server, scale, progress))
    show(main_table(phases))
    show("\nWhat else was seen, and what the processor did:\n")
    show(side_table(phases))
    return all(each.is_correct for each in phases)
