"""Throughput of the whole chat on this machine: clients over real sockets, the real server, real posts.

Closed loop: a constant number of messages is in flight; when one is acknowledged and all clients have received
it, the next client sends (if only the acknowledgement counted, pushes would pile up unmeasured). Fixed rate:
messages are due at constant intervals, independent of previous ones, and latency counts from the due time (so
that a stalled server cannot slow down the schedule).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from .chat_clients import ChatClient, connect_clients
from .history_check import AckedMessage, Violations, find_violations
from .phases import ClientCounters, Phase, main_table, side_table
from .server import MeasuredServer, running_server

DELIVERY_TIMEOUT = 5.0
"""How long the closed loop waits for pushes: as long as the server keeps posting."""
POLL_INTERVAL = 0.005
FINAL_DELIVERY_TIMEOUT = 10.0
"""How long the final pushes are awaited; missing events are then fetched by `sync`."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    clients: tuple[int, ...] = (2, 10, 50, 100)
    seconds: float = 6.0
    max_messages: int = 600
    """Maximum messages per phase."""
    concurrency: int = 10
    """Maximum messages in flight in the closed loop: more would only queue in the server."""
    fixed_rate_share: float = 0.5
    """The fixed rate as a share of the closed loop's throughput."""


async def measure(server: MeasuredServer, scale: Scale, show: Callable[[str], None]) -> list[Phase]:
    """Run all phases in sequence."""
    phases: list[Phase] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for count in scale.clients:
            names = [f"client-{count}-{index}" for index in range(count)]
            clients = await connect_clients(session, server, names)
            concurrency = min(count, scale.concurrency)
            closed = await _run_phase(
                server, clients, f"closed, {concurrency}", _closed_loop(clients, scale, concurrency)
            )
            rate = max(round(scale.fixed_rate_share * len(closed.acked) / closed.seconds), 1)
            fixed = await _run_phase(server, clients, f"{rate}/s", _fixed_rate(clients, scale, rate))
            phases += [closed, fixed]
            await asyncio.gather(*(client.close() for client in clients))
            show(f"{count} clients: done")
    return phases


Load = Callable[[], Awaitable[list[AckedMessage]]]
"""Lets clients send; returns the acknowledged messages."""


def _closed_loop(clients: Sequence[ChatClient], scale: Scale, concurrency: int) -> Load:
    async def generate_load() -> list[AckedMessage]:
        until = time.monotonic() + scale.seconds
        turns = itertools.count()
        acked: list[AckedMessage] = []

        async def send() -> None:
            while time.monotonic() < until and (turn := next(turns)) < scale.max_messages:
                client = clients[turn % len(clients)]
                ack = await client.send_message(f"{client.name}:{turn}c", time.monotonic())
                acked.append(ack)
                await _until(_all_received(clients, ack.sequence_id), DELIVERY_TIMEOUT)

        await asyncio.gather(*(send() for _ in range(concurrency)))
        return acked

    return generate_load


def _all_received(clients: Sequence[ChatClient], sequence_id: int) -> Callable[[], bool]:
    return lambda: all(sequence_id in client.received.pushed_at for client in clients)


def _fixed_rate(clients: Sequence[ChatClient], scale: Scale, rate: int) -> Load:
    async def generate_load() -> list[AckedMessage]:
        begin = time.monotonic()

        async def send(turn: int) -> AckedMessage:
            due = begin + turn / rate
            await asyncio.sleep(due - time.monotonic())
            client = clients[turn % len(clients)]
            return await client.send_message(f"{client.name}:{turn}f", due)

        count = max(min(int(rate * scale.seconds), scale.max_messages), 1)
        return list(await asyncio.gather(*(send(turn) for turn in range(count))))

    return generate_load


async def _run_phase(
    server: MeasuredServer, clients: Sequence[ChatClient], load: str, generate_load: Load
) -> Phase:
    """Run a load, wait until all clients have received all events, and check the results against the log."""
    calls, processor = server.store_calls(), server.cpu_seconds()
    before = _counters(clients)
    begin = time.monotonic()
    acked = await generate_load()
    seconds = time.monotonic() - begin
    deliveries = sum(
        begin <= at <= begin + seconds for client in clients for at in client.received.pushed_at.values()
    )
    head = max((item.sequence_id for item in acked), default=0)
    await _until(lambda: all(len(client.received.events) >= head for client in clients), FINAL_DELIVERY_TIMEOUT)
    whole_seconds = time.monotonic() - begin
    calls_after, processor_after = server.store_calls(), server.cpu_seconds()
    await asyncio.gather(*(client.sync(head) for client in clients))
    seen = _counters(clients).since(before)
    due = {item.sequence_id: item.acked_at - item.latency for item in acked}
    return Phase(
        clients=len(clients),
        load=load,
        seconds=seconds,
        total_seconds=whole_seconds,
        acked=acked,
        fan_out=[
            at - due[number]
            for client in clients
            for number, at in client.received.pushed_at.items()
            if number in due
        ],
        deliveries=deliveries,
        violations=_violations(clients, acked),
        counters=seen,
        store_calls=calls_after - calls,
        cpu_seconds={name: processor_after[name] - processor[name] for name in processor},
    )


def _counters(clients: Sequence[ChatClient]) -> ClientCounters:
    heard = [client.received for client in clients]
    return ClientCounters(
        sum(item.synced for item in heard),
        sum(item.duplicates for item in heard),
        sum(item.out_of_order for item in heard),
        sum(client.retries for client in clients),
    )


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds, at most `seconds`."""
    deadline = time.monotonic() + seconds
    # Polling costs less than waking up at every push.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(POLL_INTERVAL)


def _violations(clients: Sequence[ChatClient], acked: Sequence[AckedMessage]) -> Violations:
    """Check each client's log against the acknowledged messages; return the sums over all clients."""
    total = Violations()
    for client in clients:
        log = [client.received.events[number] for number in sorted(client.received.events)]
        found = find_violations(acked, log)
        total.lost += found.lost
        total.duplicated += found.duplicated
        total.reordered += found.reordered + client.received.contradictions
        total.gaps += found.gaps
    return total


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Callable[[str], None], progress: Callable[[str], None]) -> bool:
    """Measure and print everything; return whether nothing was lost, duplicated or reordered."""
    with running_server() as server:
        phases = asyncio.run(measure(server, scale, progress))
    show(main_table(phases))
    show("\nClient counters and CPU time:\n")
    show(side_table(phases))
    return all(phase.is_correct for phase in phases)
