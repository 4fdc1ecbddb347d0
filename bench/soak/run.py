"""The run: 300 connections in 60 conversations, mixed traffic, stalled readers, and storms of reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bench.checkout import RunningChat

from .checker import check
from .participant import Participant, View
from .plan import Plan
from .report import Report, Sample

CONTENT = "Shall we meet at the station at eight, or is that too early for you? "
EMOJI = ("👍", "🎉", "😀")
_SETUP_CONCURRENCY = 8


class Soak:
    """One run against a running chat."""

    def __init__(self, chat: RunningChat, plan: Plan, session: aiohttp.ClientSession) -> None:
        self._chat = chat
        self._plan = plan
        self._session = session
        self._rooms: dict[str, list[Participant]] = {}
        self._retired: dict[str, list[Participant]] = {}
        self._messages: dict[str, list[int]] = {}
        self._busy: set[Participant] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._joined = 0
        self.report = Report()

    async def run(self) -> Report:
        """Set up, run for the planned time, settle and check."""
        await self._set_up()
        self._started = time.monotonic()
        plan = self._plan
        loops = [
            self._every(1 / plan.messages_per_second, self._message),
            self._every(plan.update_interval, self._update),
            self._every(plan.rotation_interval, self._rotate),
            self._every(plan.join_interval, self._join),
            self._every(plan.stall_interval, self._stall),
            self._every(plan.storm_interval, self._storm),
            self._every(plan.sample_interval, self._sample),
        ]
        await asyncio.gather(*loops)
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=120)
        if self._tasks:
            self.report.failures.append(f"{len(self._tasks)} operations did not end")
        await self._check()
        return self.report

    # ---- set-up ----------------------------------------------------------------------------------------

    async def _set_up(self) -> None:
        limit = asyncio.Semaphore(_SETUP_CONCURRENCY)

        async def open_room(number: int) -> None:
            async with limit:
                owner = f"p{number}-0"
                body = {"title": f"Soak {number}", "join_policy": "open"}
                conversation = await self._request("POST", "/conversations", owner, body)
                conversation_id = conversation["conversation_id"]
                self._rooms[conversation_id] = [self._participant(owner, conversation_id)]
                self._messages[conversation_id] = []
                for member in range(1, self._plan.members):
                    await self._add(f"p{number}-{member}", conversation_id)
                for participant in self._rooms[conversation_id]:
                    await participant.ensure_connected()

        await asyncio.gather(*(open_room(number) for number in range(self._plan.conversations)))

    def _participant(self, name: str, conversation_id: str) -> Participant:
        token = self._chat.tokens([name])[name]
        return Participant(self._session, self._chat.ws_url, name, token, conversation_id)

    async def _add(self, name: str, conversation_id: str) -> Participant:
        await self._request("POST", f"/conversations/{conversation_id}/join", name, {})
        participant = self._participant(name, conversation_id)
        self._rooms[conversation_id].append(participant)
        return participant

    async def _request(self, method: str, path: str, name: str, body: Any = None) -> Any:
        """Send a request until it is neither throttled nor unavailable."""
        headers = {"Authorization": f"Bearer {self._chat.tokens([name])[name]}"}
        while True:
            async with self._session.request(
                method, self._chat.http_url + path, json=body, headers=headers
            ) as answer:
                content = await answer.json()
                if answer.status < 300 or answer.status == 409:  # 409: an earlier attempt has joined
                    return content
                if answer.status not in (429, 500, 502, 503, 504):
                    raise RuntimeError(f"{method} {path} answers {answer.status}")
                await asyncio.sleep(random.uniform(1, 2) * content.get("error", {}).get("retry_after", 1.0))

    # ---- traffic ---------------------------------------------------------------------------------------

    async def _every(self, interval: float, start: Callable[[], Awaitable[None]]) -> None:
        """Start an operation at a fixed rate, whether or not earlier ones have ended."""
        due = self._started + interval
        end = self._started + self._plan.seconds
        while due < end:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            task = asyncio.create_task(self._guarded(start()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += interval

    async def _guarded(self, operation: Awaitable[None]) -> None:
        try:
            await operation
        except Exception as error:  # noqa: BLE001 - reported at the end of the run
            self.report.failures.append(f"{type(error).__name__}: {error}")

    def _pick(self) -> Participant | None:
        """Return a participant that does nothing else."""
        for _ in range(20):
            room = random.choice(list(self._rooms.values()))
            participant = random.choice(room)
            if participant not in self._busy:
                return participant
        return None

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> Any:
        participant = self._pick()
        if participant is None:
            yield None
            return
        self._busy.add(participant)
        try:
            yield participant
        finally:
            self._busy.discard(participant)

    async def _message(self) -> None:
        async with self._borrowed() as participant:
            if participant is None:
                self.report.late += 1
            elif (number := await participant.send_message(CONTENT * random.randint(1, 6))) is not None:
                self._messages[participant.conversation_id].append(number)
                del self._messages[participant.conversation_id][:-20]

    async def _update(self) -> None:
        async with self._borrowed() as participant:
            if participant is None or not (recent := self._messages[participant.conversation_id]):
                return
            command = random.choice(("react", "unreact", "edit"))
            if command == "edit":
                own = [item.sequence_id for item in participant.acked[-10:] if item.key]
                if own:
                    await participant.update("edit", random.choice(own), content=f"Edited. {CONTENT}")
            else:
                await participant.update(command, random.choice(recent), emoji=random.choice(EMOJI))

    async def _rotate(self) -> None:
        async with self._borrowed() as participant:
            if participant is not None:
                await participant.rotate()

    async def _stall(self) -> None:
        async with self._borrowed() as participant:
            if participant is not None:
                await participant.stall(self._plan.stall_commands)

    async def _join(self) -> None:
        """Let a newcomer join and replace a member's connection, so that the number of connections is constant."""
        async with self._borrowed() as leaving:
            if leaving is None:
                return
            self._joined += 1
            newcomer = await self._add(f"newcomer-{self._joined}", leaving.conversation_id)
            self._rooms[leaving.conversation_id].remove(leaving)
            self._retired.setdefault(leaving.conversation_id, []).append(leaving)
            await leaving.close()
            await newcomer.synchronize()

    async def _storm(self) -> None:
        """Break every connection at once, and wait until all participants are back."""
        everybody = [participant for room in self._rooms.values() for participant in room]
        started = time.monotonic()
        for participant in everybody:
            participant.abort()
        await asyncio.gather(*(participant.ensure_connected() for participant in everybody))
        self.report.storms.append(time.monotonic() - started)

    async def _sample(self) -> None:
        second = time.monotonic() - self._started
        self.report.samples.append(Sample(second, self._chat.memory(), self._chat.threads()))

    # ---- the check -------------------------------------------------------------------------------------

    async def _check(self) -> None:
        for conversation_id, room in self._rooms.items():
            await asyncio.gather(*(participant.synchronize() for participant in room))
            log = await self._log(conversation_id, room[0].name)
            everybody = [*room, *self._retired.get(conversation_id, [])]
            acked = [item for participant in everybody for item in participant.acked]
            views: list[View] = [participant.view for participant in room]
            self.report.verdict.add(check(log, acked, views))
            self.report.acked += len(acked)
            self.report.retries += sum(participant.retries for participant in everybody)
            self.report.connects += sum(participant.connects for participant in everybody)
            await asyncio.gather(*(participant.close() for participant in room))
        end = time.monotonic() + self._plan.settle_seconds
        while self._chat.threads() > self.report.samples[0].threads and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        await self._sample()

    async def _log(self, conversation_id: str, name: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while True:
            path = f"/conversations/{conversation_id}/events?after={len(events)}"
            page = await self._request("GET", path, name)
            events += page["events"]
            if not page["events"] or not page["has_more"]:
                return events
