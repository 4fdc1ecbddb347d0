"""A device of a person: one socket at a time, behaving as section 6 of the contract says, everything recorded.

It opens a socket when it needs one, says hello with the conversations it wants and the last ids it has, applies
events in order, holds back what jumps ahead, and syncs when a jump stays open or a `pong` is ahead of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.invariants.history.copies import LogCopy
from tests.invariants.history.records import OK, Call, Json, Recorder, SocketLife

if TYPE_CHECKING:
    from tests.invariants.history.person import Person

PATIENCE = 1.5
"""Seconds until an unanswered command is repeated."""
GIVEN_UP = 0.05
"""The same on a socket that gets nothing: there is no answer to wait for."""
GAP = 0.1
"""Seconds that a jump may stay open before the device asks for what is missing."""
_OPENINGS = 20
_REPEATS = 3


class Session:
    """One socket of a device."""

    def __init__(self, socket: ClientConnection, life: SocketLife) -> None:
        self.socket = socket
        self.life = life
        self.connection_id = ""
        self.subscribed: set[str] = set()
        self.asked: dict[str, list[tuple[Call, asyncio.Future[None]]]] = {}
        self.reader: asyncio.Task[None] | None = None


class Device:
    """See the module's text."""

    def __init__(self, person: Person, number: int, fault: Mapping[str, Any]) -> None:
        self.person = person
        self.number = number
        self.fault = fault
        self.copies: dict[str, LogCopy] = {}
        self.wanted: set[str] = set()
        self.session: Session | None = None
        self._opening = asyncio.Lock()
        self._sessions = itertools.count()
        self._ids = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._mending: set[str] = set()

    @property
    def recorder(self) -> Recorder:
        """Where everything is written down."""
        return self.person.cast.recorder

    @property
    def patience(self) -> float:
        """How long an answer is waited for."""
        return GIVEN_UP if self.session and self.session.life.bad and self.fault else PATIENCE

    # ---- the socket ------------------------------------------------------------------------------------

    async def online(self) -> Session:
        """The socket, opened if there is none, with everything that is wanted subscribed."""
        async with self._opening:
            if self.session is None or self.session.life.closed is not None:
                self.session = await self._open()
                await self._greet(self.session)
            return self.session

    async def _open(self) -> Session:
        name = f"{self.person.id} {self.number}.{next(self._sessions)}"
        for _ in range(_OPENINGS):
            options = await self.person.credentials(self.number)
            try:
                socket = await connect(
                    options.pop("url"),
                    compression=None,
                    proxy=None,
                    open_timeout=20,
                    close_timeout=5,
                    ping_interval=None,
                    max_size=None,
                    **options,
                )
            except (InvalidHandshake, OSError, TimeoutError):
                continue
            session = Session(socket, self.recorder.open(name, self.person.id))
            session.reader = asyncio.create_task(self._read(session))
            return session
        raise AssertionError(f"{name}: no handshake succeeded")

    async def _greet(self, session: Session) -> None:
        """Hello until there is a welcome; a socket that gets nothing does so only after that."""
        for _ in range(_OPENINGS):
            wanted = [self._wish(each) for each in sorted(self.wanted)]
            hello, *_ = await self._ask(
                session,
                {"type": "hello", "subscribe": wanted},
                [("hello", "", {}), *(("subscribe", each["conversation_id"], each) for each in wanted)],
                PATIENCE,
            )
            if hello.is_ok:
                session.connection_id = hello.answer["connection_id"]
                if self.fault:
                    session.life.bad = True
                    self.person.cast.world.treat(session.connection_id, self.fault)
            if hello.is_ok or session.life.closed is not None:
                return

    async def kill(self, *, gracefully: bool) -> None:
        """End the socket, by a close frame or by cutting it off."""
        session = self.session
        if session is None or session.life.closed is not None:
            return
        session.life.closed = self.recorder.now()
        if gracefully:
            await session.socket.close()
        else:
            session.socket.transport.abort()
        await self._gone(session)

    async def _gone(self, session: Session) -> None:
        if session.reader is not None:
            await session.reader

    async def close(self) -> None:
        """The end of the device."""
        await self.finish_tasks()
        await self.kill(gracefully=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, session: Session) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in session.socket:
                self._receive(session, json.loads(text))
        if session.life.closed is None:
            session.life.closed = self.recorder.now()
        for asked in session.asked.values():
            for _, answered in asked:
                if not answered.done():
                    answered.set_result(None)

    # ---- commands --------------------------------------------------------------------------------------

    async def ask(self, kind: str, where: str, frame: Json) -> Call:
        """One command, once."""
        session = await self.online()
        asked = {name: value for name, value in frame.items() if name not in ("type", "conversation_id")}
        (call,) = await self._ask(session, frame, [(kind, where, asked)], self.patience)
        return call

    async def _ask(
        self, session: Session, frame: Json, calls: list[tuple[str, str, Json]], patience: float
    ) -> list[Call]:
        """Send a command that is answered by one frame or more; waits for all of them."""
        identity = f"{self.number}-{next(self._ids)}"
        begun = [
            self.recorder.begin(kind, self.person.id, where, session.life.name, asked)
            for kind, where, asked in calls
        ]
        loop = asyncio.get_running_loop()
        session.asked[identity] = [(call, loop.create_future()) for call in begun]
        with contextlib.suppress(ConnectionClosed):
            await session.socket.send(json.dumps({**frame, "id": identity}, ensure_ascii=False))
            await asyncio.wait([answered for _, answered in session.asked[identity]], timeout=patience)
        return begun

    async def mention(self, kind: str, where: str, frame: Json) -> None:
        """A command that has no answer, unless it is refused."""
        session = await self.online()
        asked = {name: value for name, value in frame.items() if name not in ("type", "conversation_id")}
        await self._ask(session, frame, [(kind, where, asked)], 0.0)

    async def persist(self, kind: str, where: str, frame: Json) -> Call:
        """One command, repeated if it stays unanswered."""
        for _ in range(_REPEATS):
            call = await self.ask(kind, where, frame)
            if call.ended is not None or self.patience == GIVEN_UP:
                break
        return call

    def _wish(self, where: str) -> Json:
        copy = self.copies.get(where)
        after = {"after": copy.last} if copy and copy.last else {}
        return {"conversation_id": where, **after}

    async def subscribe(self, where: str) -> Call:
        """Hear a conversation from now on."""
        self.wanted.add(where)
        call = await self.persist("subscribe", where, {"type": "subscribe", **self._wish(where)})
        if call.is_ok and call.answer["has_more"]:
            await self.catch_up(where)
        return call

    async def unsubscribe(self, where: str) -> Call:
        """Hear it no longer."""
        self.wanted.discard(where)
        if self.session is not None:
            self.session.subscribed.discard(where)
        return await self.persist("unsubscribe", where, {"type": "unsubscribe", "conversation_id": where})

    async def catch_up(self, where: str) -> None:
        """Sync until there is no more."""
        copy = self.copies.setdefault(where, LogCopy())
        while True:
            before = copy.last
            frame = {"type": "sync", "conversation_id": where, "after": before}
            call = await self.persist("sync", where, frame)
            if not call.is_ok or not call.answer["has_more"] or copy.last == before:
                return

    async def ping(self) -> Call:
        """Compare heads, and catch up where others are further."""
        heads = {where: copy.last for where, copy in self.copies.items() if copy.first}
        call = await self.persist("ping", "", {"type": "ping", "heads": heads})
        if call.is_ok:
            for where, head in call.answer["heads"].items():
                if head > self.copies[where].last:
                    await self.catch_up(where)
        return call

    # ---- frames ----------------------------------------------------------------------------------------

    def _receive(self, session: Session, frame: Json) -> None:
        if not self._is_answer(session, frame):
            self.recorder.hear(self.person.id, session.life.name, frame)
        match frame.get("type"):
            case "event":
                where = frame["event"]["conversation_id"]
                self._copy(where).hear(frame["event"])
                self.person.cast.see(where, frame["event"]["sequence_id"])
                self._mind_gap(where)
            case "subscribed" | "sync":
                where = frame["conversation_id"]
                copy = self._copy(where)
                if frame["type"] == "subscribed":
                    copy.begin(frame["first_sequence_id"])
                    session.subscribed.add(where)
                copy.read(frame["events"])
                self.person.cast.see(where, frame["head"])
            case "conversation_removed" | "conversation_deleted":
                session.subscribed.discard(frame["conversation_id"])
            case "conversation_added" if frame["conversation"]["conversation_id"] in self.wanted:
                self._later(self._subscribe_again(frame["conversation"]["conversation_id"]))

    def _is_answer(self, session: Session, frame: Json) -> bool:
        """Whether it is the answer to something; then that is over."""
        for call, answered in session.asked.get(frame.get("id", ""), ()):
            if not _fits(call, frame):
                continue
            if call.ended is not None:
                call.repeated_answers.append(frame)
            else:
                self.recorder.end(call, frame["code"] if frame["type"] == "error" else OK, frame)
                if not answered.done():
                    answered.set_result(None)
            return True
        return False

    def _copy(self, where: str) -> LogCopy:
        return self.copies.setdefault(where, LogCopy())

    def _mind_gap(self, where: str) -> None:
        if self._copy(where).first and self._copy(where).has_gap and where not in self._mending:
            self._mending.add(where)
            self._later(self._close_gap(where))

    async def _close_gap(self, where: str) -> None:
        """Ask for what is missing, if a jump stays open for a moment; once at a time."""
        try:
            await asyncio.sleep(GAP)
            if self._copy(where).has_gap and self._is_up():
                await self.catch_up(where)
        finally:
            self._mending.discard(where)

    async def _subscribe_again(self, where: str) -> None:
        if self._is_up() and where in self.wanted:
            await self.subscribe(where)

    def _is_up(self) -> bool:
        return self.session is not None and self.session.life.closed is None

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish_tasks(self) -> None:
        """Wait for what the device does by itself."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


_ANSWERS = {
    "hello": "welcome",
    "subscribe": "subscribed",
    "unsubscribe": "unsubscribed",
    "sync": "sync",
    "send": "message_ack",
    "read": "read_ack",
    "edit": "ack",
    "take_back": "ack",
    "react": "ack",
    "unreact": "ack",
    "ping": "pong",
}


def _fits(call: Call, frame: Json) -> bool:
    """Whether a frame that repeats the id of a call is that call's answer; a hello has several."""
    if frame.get("type") == "error":
        return bool(frame.get("conversation_id", "") == call.where)
    if frame.get("type") != _ANSWERS.get(call.kind):
        return False
    return call.kind != "subscribe" or bool(frame["conversation_id"] == call.where)
