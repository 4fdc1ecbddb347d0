"""Runs a program against the real thing and brings home its history.

After the rounds all disorder ends, and everybody does what the contract lets them do to recover: what was said
is repeated until it is acknowledged, sockets are opened again, heads are compared by `ping` and made up for by
`sync`. Then, with nobody else about, one more message is said in each conversation, and everything is read once
more by everybody. What that last look shows is what all that happened before is held against.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.invariants.history.cast import Cast
from tests.invariants.history.checker.live import overdue
from tests.invariants.history.device import Device
from tests.invariants.history.erasing import erase
from tests.invariants.history.expiring import expire
from tests.invariants.history.person import Person
from tests.invariants.history.programs import Program, Step
from tests.invariants.history.records import Copy, History
from tests.invariants.history.steps import perform, read_events, read_list
from tests.invariants.history.world import World

LIVE_SECONDS = 16.0
"""How long healthy sockets are waited for: longer than the checker accepts, shorter than a fan-out."""
IDLE_SECONDS = 60.0
"""Within which everything that was begun must be over: a fan-out ends by itself."""
WAVE = 15
"""How much of a backlog is said at the same time."""
ACKNOWLEDGED_SECONDS = 30.0
"""Within which everything that was said must be acknowledged once all disorder is over."""


def run(world: World, program: Program) -> History:
    """Run a program."""
    return asyncio.run(_Run(world, program).run())


class _Run:
    def __init__(self, world: World, program: Program) -> None:
        self._world = world
        self._program = program

    async def run(self) -> History:
        self._cast = Cast(self._world, self._program)
        try:
            await self._begin()
            self._world.disorder(self._program.disorders)
            for steps in self._program.rounds:
                await self._round(steps)
            await self._calm_down()
            await self._recover()
            await self._look_at_everything()
            history = self._cast.recorder.history
            await self._close_devices()
            if self._program.erases is not None:
                history.erasure = await erase(self._cast, self._cast.people[self._program.erases])
            if self._program.days is not None:
                history.expiry = await expire(self._cast, history, self._program.days, self._idle)
            history.failures = self._world.failures()
        finally:
            self._world.disorder({})
            await self._close_devices()
            await self._cast.http.close()
        return history

    async def _close_devices(self) -> None:
        await asyncio.gather(*(device.close() for device in self._devices()))

    def _devices(self) -> list[Device]:
        return [device for person in self._cast.people for device in person.devices.values()]

    # ---- the program -----------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """The conversations that are there, listened to by everybody who is in one."""
        for start in self._program.starts:
            call = await self._cast.creates(start)
            inside = {each["participant_id"] for each in call.answer["participants"]}
            owner = next(each for each in self._cast.people if each.id == call.who)
            for wave in range(0, start.backlog, WAVE):
                said = [
                    owner.intends(call.where, {"content": self._cast.text()}) for _ in range(wave, wave + WAVE)
                ]
                await asyncio.gather(*(owner.says(each, None) for each in said))
            await asyncio.gather(
                *(each.device(0).subscribe(call.where) for each in self._cast.people if each.id in inside)
            )

    async def _round(self, steps: tuple[Step, ...]) -> None:
        await asyncio.gather(*(perform(self._cast, step) for step in steps))

    # ---- what follows ----------------------------------------------------------------------------------

    async def _calm_down(self) -> None:
        """The end of all disorder. Before that, bad sockets had the time to harm the others, if they can."""
        history = self._cast.recorder.history
        if self._program.bad_sockets and self._program.posts_are_reliable:
            await _until(lambda: not overdue(history), LIVE_SECONDS, every=0.2)
        for device in self._devices():
            if device.fault and device.session is not None:
                self._world.treat(device.session.connection_id, {})
                device.fault = {}
        self._world.disorder({})
        await self._idle()
        history.calm_since = self._cast.recorder.now()

    async def _idle(self) -> None:
        """Wait until nobody does anything any more: no device by itself, and no function."""
        await asyncio.gather(*(device.finish_tasks() for device in self._devices()))
        for _ in range(3):  # a frame that the gateway holds back for a moment is no function yet
            await asyncio.sleep(0.03)
            await _until(lambda: self._world.running() == 0, IDLE_SECONDS)

    async def _recover(self) -> None:
        await asyncio.gather(*(self._say_what_is_open(person) for person in self._cast.people))
        await asyncio.gather(*(self._catch_up(device) for device in self._devices()))
        await self._idle()
        self._cast.recorder.history.quiet_since = self._cast.recorder.now()
        for where in self._cast.conversations:
            await self._probe(where)
        await self._idle()
        # What was posted to a socket lies before the answer to its ping.
        await asyncio.gather(*(self._compare(device) for device in self._devices()))

    async def _say_what_is_open(self, person: Person) -> None:
        deadline = time.monotonic() + ACKNOWLEDGED_SECONDS
        for outgoing in person.said:
            while not outgoing.is_settled and time.monotonic() < deadline:
                await person.says(outgoing, None, times=1)

    async def _catch_up(self, device: Device) -> None:
        if not device.wanted:
            return
        session = await device.online()
        await device.ping()
        for where in sorted(device.wanted - session.subscribed):
            await device.subscribe(where)

    async def _probe(self, where: str) -> None:
        """One more message, by the first one who may: others are not in, or muted."""
        for person in self._cast.people:
            outgoing = person.intends(where, {"content": self._cast.text()})
            await person.says(outgoing, None, times=5)
            if outgoing.is_said:
                return

    async def _compare(self, device: Device) -> None:
        """A last ping; what the device has of all that it still may hear goes into the history."""
        if not device.wanted:
            return
        session = await device.online()
        pong = await device.ping()
        for where in sorted(session.subscribed & device.wanted & set(pong.answer["heads"] if pong.is_ok else ())):
            copy = device.copies[where]
            self._cast.recorder.history.copies.append(
                Copy(device.person.id, session.life.name, where, copy.first, list(copy.events))
            )

    async def _look_at_everything(self) -> None:
        await asyncio.gather(*(self._look(person) for person in self._cast.people))

    async def _look(self, person: Person) -> None:
        for where in self._cast.conversations:
            await read_events(person, where, after=0, limit=100)
            await person.http("look", where, "GET", f"/conversations/{where}")
        await read_list(person, limit=2)


async def _until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> None:
    """Wait for a condition, or until the time is up: what that means is for the checker to say."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 — it comes true in another process
        await asyncio.sleep(every)
