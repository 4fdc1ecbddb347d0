"""Runs a program against the real app and returns its history.

After the rounds all faults end, and all clients recover as the protocol describes: messages are repeated until
they are acknowledged, sockets reconnect, heads are compared by `ping` and caught up by `sync`. Then, without
concurrency, one more message is sent in each conversation, and all participants read everything once more. The
checker compares everything that was seen before with this last state.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.invariants.history.checker.live import overdue
from tests.invariants.history.client import Client
from tests.invariants.history.erasure_phase import erase
from tests.invariants.history.generators import Program, Step
from tests.invariants.history.participant import Participant
from tests.invariants.history.records import History, ReplicaRecord
from tests.invariants.history.registry import Registry
from tests.invariants.history.retention_phase import expire
from tests.invariants.history.server import HistoryServer
from tests.invariants.history.steps import perform, read_events, read_list

LIVE_SECONDS = 16.0
"""Seconds to wait for healthy sockets: longer than the checker accepts, shorter than a fan-out."""
IDLE_SECONDS = 60.0
"""Seconds within which all functions must have ended: a fan-out ends at its deadline."""
WAVE = 15
"""Messages of a backlog that are sent concurrently."""
ACKNOWLEDGED_SECONDS = 30.0
"""Seconds within which all messages must be acknowledged after the faults have ended."""


def run(server: HistoryServer, program: Program) -> History:
    """Run a program."""
    return asyncio.run(_Run(server, program).run())


class _Run:
    def __init__(self, server: HistoryServer, program: Program) -> None:
        self._server = server
        self._program = program

    async def run(self) -> History:
        self._registry = Registry(self._server, self._program)
        try:
            await self._begin()
            self._server.set_faults(self._program.gateway_faults)
            for steps in self._program.rounds:
                await self._round(steps)
            await self._calm_down()
            await self._recover()
            await self._look_at_everything()
            history = self._registry.recorder.history
            await self._close_devices()
            if self._program.erased_participant is not None:
                history.erasure = await erase(
                    self._registry, self._registry.participants[self._program.erased_participant]
                )
            if self._program.retention_days is not None:
                history.expiry = await expire(self._registry, history, self._program.retention_days, self._idle)
            history.failures = self._server.failures()
        finally:
            self._server.set_faults({})
            await self._close_devices()
            await self._registry.http.close()
        return history

    async def _close_devices(self) -> None:
        await asyncio.gather(*(client.close() for client in self._devices()))

    def _devices(self) -> list[Client]:
        return [client for participant in self._registry.participants for client in participant.clients.values()]

    # ---- program ---------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Create the initial conversations, with all members subscribed."""
        for start in self._program.starts:
            call = await self._registry.create_conversation(start)
            inside = {participant["participant_id"] for participant in call.answer["participants"]}
            owner = next(
                participant for participant in self._registry.participants if participant.id == call.caller
            )
            for wave in range(0, start.backlog, WAVE):
                sent = [
                    owner.compose(call.conversation_id, {"content": self._registry.new_text()})
                    for _ in range(wave, wave + WAVE)
                ]
                await asyncio.gather(*(owner.send(message, None) for message in sent))
            await asyncio.gather(
                *(
                    participant.client(0).subscribe(call.conversation_id)
                    for participant in self._registry.participants
                    if participant.id in inside
                )
            )

    async def _round(self, steps: tuple[Step, ...]) -> None:
        await asyncio.gather(*(perform(self._registry, step) for step in steps))

    # ---- recovery --------------------------------------------------------------------------------------

    async def _calm_down(self) -> None:
        """End all faults, after faulty sockets had time to affect others."""
        history = self._registry.recorder.history
        if self._program.faulty_sockets and self._program.posts_are_reliable:
            await _until(lambda: not overdue(history), LIVE_SECONDS, every=0.2)
        for client in self._devices():
            if client.fault and client.session is not None:
                self._server.set_connection_faults(client.session.connection_id, {})
                client.fault = {}
        self._server.set_faults({})
        await self._idle()
        history.calm_since = self._registry.recorder.now()

    async def _idle(self) -> None:
        """Wait until no client task and no function is running."""
        await asyncio.gather(*(client.finish_tasks() for client in self._devices()))
        for _ in range(3):  # a frame that the gateway holds back does not count as a running function yet
            await asyncio.sleep(0.03)
            await _until(lambda: self._server.running() == 0, IDLE_SECONDS)

    async def _recover(self) -> None:
        await asyncio.gather(*(self._say_what_is_open(participant) for participant in self._registry.participants))
        await asyncio.gather(*(self._catch_up(client) for client in self._devices()))
        await self._idle()
        self._registry.recorder.history.quiet_since = self._registry.recorder.now()
        for conversation_id in self._registry.conversations:
            await self._probe(conversation_id)
        await self._idle()
        # Posts to a socket precede the reply to its ping.
        await asyncio.gather(*(self._compare(client) for client in self._devices()))

    async def _say_what_is_open(self, participant: Participant) -> None:
        deadline = time.monotonic() + ACKNOWLEDGED_SECONDS
        for outgoing in participant.outgoing:
            while not outgoing.is_settled and time.monotonic() < deadline:
                await participant.send(outgoing, None, times=1)

    async def _catch_up(self, client: Client) -> None:
        if not client.wanted:
            return
        session = await client.online()
        await client.ping()
        for conversation_id in sorted(client.wanted - session.subscribed):
            await client.subscribe(conversation_id)

    async def _probe(self, conversation_id: str) -> None:
        """Send one more message as the first participant who can."""
        for participant in self._registry.participants:
            outgoing = participant.compose(conversation_id, {"content": self._registry.new_text()})
            await participant.send(outgoing, None, times=5)
            if outgoing.is_acknowledged:
                return

    async def _compare(self, client: Client) -> None:
        """Ping once more, and record the replicas of all subscriptions."""
        if not client.wanted:
            return
        session = await client.online()
        pong = await client.ping()
        for conversation_id in sorted(
            session.subscribed & client.wanted & set(pong.answer["heads"] if pong.is_ok else ())
        ):
            replica = client.replicas[conversation_id]
            self._registry.recorder.history.replicas.append(
                ReplicaRecord(
                    client.participant.id, session.life.name, conversation_id, replica.first, list(replica.events)
                )
            )

    async def _look_at_everything(self) -> None:
        await asyncio.gather(*(self._look(participant) for participant in self._registry.participants))

    async def _look(self, participant: Participant) -> None:
        for conversation_id in self._registry.conversations:
            await read_events(participant, conversation_id, after=0, limit=100)
            await participant.http("view", conversation_id, "GET", f"/conversations/{conversation_id}")
        await read_list(participant, limit=2)


async def _until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> None:
    """Wait for a condition, or until the time is up; the checker judges the result."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 — it comes true in another process
        await asyncio.sleep(every)
