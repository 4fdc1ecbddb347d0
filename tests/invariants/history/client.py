"""A client with one socket at a time that follows section 6 of the protocol; all its requests are recorded.

It opens a socket when it needs one, sends `hello` with its subscriptions and their last sequence ids, applies
events in order, holds back events after a gap, and syncs if a gap stays open or a `pong` is ahead of it.
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

from tests.invariants.history.records import OK, SUPERSEDED, Call, Json, Recorder, SocketRecord
from tests.invariants.history.replica import Replica
from tests.support.unpacking import unpacked

if TYPE_CHECKING:
    from tests.invariants.history.participant import Participant

TIMEOUT = 1.5
"""Seconds until an unanswered command is repeated."""
FAULTY_TIMEOUT = 0.05
"""The same for a faulty socket: there is no reply to wait for."""
GAP_TIMEOUT = 0.1
"""Seconds that a gap may stay open before the client syncs."""
_STATE_COMMANDS = ("hello", "subscribe", "unsubscribe", "typing")
_OPENINGS = 20
_REPEATS = 3


class Session:
    """One socket of a client."""

    def __init__(self, socket: ClientConnection, life: SocketRecord) -> None:
        self.socket = socket
        self.life = life
        self.connection_id = ""
        self.subscribed: set[str] = set()
        self.asked: dict[str, list[tuple[Call, asyncio.Future[None]]]] = {}
        self.reader: asyncio.Task[None] | None = None
        self.numbers = itertools.count(1)


class Client:
    """One client of a participant; see the module's docstring."""

    def __init__(self, participant: Participant, number: int, fault: Mapping[str, Any]) -> None:
        self.participant = participant
        self.number = number
        self.fault = fault
        self.replicas: dict[str, Replica] = {}
        self.wanted: set[str] = set()
        self.session: Session | None = None
        self._opening = asyncio.Lock()
        self._sessions = itertools.count()
        self._ids = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._mending: set[str] = set()

    @property
    def recorder(self) -> Recorder:
        """The recorder of all requests."""
        return self.participant.registry.recorder

    @property
    def timeout(self) -> float:
        """Seconds to wait for a reply."""
        return FAULTY_TIMEOUT if self.session and self.session.life.is_faulty and self.fault else TIMEOUT

    # ---- socket ----------------------------------------------------------------------------------------

    async def online(self) -> Session:
        """Return the open socket, or a new one with all subscriptions."""
        async with self._opening:
            if self.session is None or self.session.life.closed is not None:
                self.session = await self._open()
                await self._greet(self.session)
            return self.session

    async def _open(self) -> Session:
        name = f"{self.participant.id} {self.number}.{next(self._sessions)}"
        for _ in range(_OPENINGS):
            options = await self.participant.credentials(self.number)
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
            session = Session(socket, self.recorder.open(name, self.participant.id))
            session.reader = asyncio.create_task(self._read(session))
            return session
        raise AssertionError(f"{name}: no handshake succeeded")

    async def _greet(self, session: Session) -> None:
        """Repeat hello until there is a welcome; a faulty socket becomes faulty only after that."""
        for _ in range(_OPENINGS):
            wanted = [self._subscription(conversation_id) for conversation_id in sorted(self.wanted)]
            hello, *_ = await self._request(
                session,
                {"type": "hello", "subscribe": wanted},
                [
                    ("hello", "", {}),
                    *(("subscribe", subscription["conversation_id"], subscription) for subscription in wanted),
                ],
                TIMEOUT,
            )
            if hello.is_ok:
                session.connection_id = hello.answer["connection_id"]
                if self.fault:
                    session.life.is_faulty = True
                    self.participant.registry.server.set_connection_faults(session.connection_id, self.fault)
            if hello.is_ok or session.life.closed is not None:
                return

    async def kill(self, *, gracefully: bool) -> None:
        """End the socket, by a close frame or by aborting the connection."""
        session = self.session
        if session is None or session.life.closed is not None:
            return
        session.life.closed = self.recorder.now()
        if gracefully:
            await session.socket.close()
        else:
            session.socket.transport.abort()
        await self._wait_until_closed(session)

    async def _wait_until_closed(self, session: Session) -> None:
        if session.reader is not None:
            await session.reader

    async def close(self) -> None:
        """Stop the client."""
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

    async def request(self, kind: str, conversation_id: str, frame: Json) -> Call:
        """Send a command once."""
        session = await self.online()
        asked = {name: value for name, value in frame.items() if name not in ("type", "conversation_id")}
        (call,) = await self._request(session, frame, [(kind, conversation_id, asked)], self.timeout)
        return call

    async def request_batch(self, calls: list[tuple[str, str, Json]]) -> list[Call]:
        """Send messages as one batch. Each is recorded as a separate call, with its result as the answer."""
        session = await self.online()
        commands = [
            {"type": "message", "conversation_id": conversation_id, **asked} for _, conversation_id, asked in calls
        ]
        return await self._request(session, {"type": "batch", "commands": commands}, calls, self.timeout)

    async def _request(
        self, session: Session, frame: Json, calls: list[tuple[str, str, Json]], patience: float
    ) -> list[Call]:
        """Send a command with one or more replies, and wait for all. Every second client numbers its commands."""
        identity = f"{self.number}-{next(self._ids)}"
        if frame["type"] in _STATE_COMMANDS and self.number % 2 == 0:
            number = {"n": next(session.numbers)}
            frame, calls = (
                {**frame, **number},
                [(kind, about, {**asked, **number}) for kind, about, asked in calls],
            )
        begun = [
            self.recorder.begin(kind, self.participant.id, conversation_id, session.life.name, asked)
            for kind, conversation_id, asked in calls
        ]
        loop = asyncio.get_running_loop()
        session.asked[identity] = [(call, loop.create_future()) for call in begun]
        with contextlib.suppress(ConnectionClosed):
            await session.socket.send(json.dumps({**frame, "id": identity}, ensure_ascii=False))
            await asyncio.wait([answered for _, answered in session.asked[identity]], timeout=patience)
        return begun

    async def send_without_reply(self, kind: str, conversation_id: str, frame: Json) -> None:
        """Send a command that has no reply, except an error."""
        session = await self.online()
        asked = {name: value for name, value in frame.items() if name not in ("type", "conversation_id")}
        await self._request(session, frame, [(kind, conversation_id, asked)], 0.0)

    async def request_with_retries(self, kind: str, conversation_id: str, frame: Json) -> Call:
        """Send a command, and repeat it while it is unanswered."""
        for _ in range(_REPEATS):
            call = await self.request(kind, conversation_id, frame)
            if call.ended is not None or self.timeout == FAULTY_TIMEOUT:
                break
        return call

    def _subscription(self, conversation_id: str) -> Json:
        replica = self.replicas.get(conversation_id)
        after = {"after": replica.last} if replica and replica.last else {}
        return {"conversation_id": conversation_id, **after}

    async def subscribe(self, conversation_id: str) -> Call:
        """Subscribe to a conversation."""
        self.wanted.add(conversation_id)
        call = await self.request_with_retries(
            "subscribe", conversation_id, {"type": "subscribe", **self._subscription(conversation_id)}
        )
        if call.is_ok and call.answer["has_more"]:
            await self.catch_up(conversation_id)
        return call

    async def unsubscribe(self, conversation_id: str) -> Call:
        """Unsubscribe from it."""
        self.wanted.discard(conversation_id)
        if self.session is not None:
            self.session.subscribed.discard(conversation_id)
        return await self.request_with_retries(
            "unsubscribe", conversation_id, {"type": "unsubscribe", "conversation_id": conversation_id}
        )

    async def catch_up(self, conversation_id: str) -> None:
        """Sync until there are no more events."""
        replica = self.replicas.setdefault(conversation_id, Replica())
        while True:
            before = replica.last
            frame = {"type": "sync", "conversation_id": conversation_id, "after": before}
            call = await self.request_with_retries("sync", conversation_id, frame)
            if not call.is_ok or not call.answer["has_more"] or replica.last == before:
                return

    async def ping(self) -> Call:
        """Send the last sequence ids, and catch up where the heads are higher."""
        heads = {
            conversation_id: replica.last for conversation_id, replica in self.replicas.items() if replica.first
        }
        call = await self.request_with_retries("ping", "", {"type": "ping", "heads": heads})
        if call.is_ok:
            for conversation_id, head in call.answer["heads"].items():
                if head > self.replicas[conversation_id].last:
                    await self.catch_up(conversation_id)
        return call

    # ---- frames ----------------------------------------------------------------------------------------

    def _receive(self, session: Session, frame: Json) -> None:
        if not self._is_answer(session, frame):
            for entry in unpacked(frame):
                self.recorder.receive(self.participant.id, session.life.name, entry)
        match frame.get("type"):
            case "events":
                conversation_id = frame["conversation_id"]
                for event in frame["events"]:
                    self._replica(conversation_id).receive(event)
                    self.participant.registry.note_head(conversation_id, event["sequence_id"])
                self._watch_gap(conversation_id)
            case "subscribed" | "sync":
                conversation_id = frame["conversation_id"]
                replica = self._replica(conversation_id)
                if frame["type"] == "subscribed":
                    replica.start(frame["first_sequence_id"])
                    session.subscribed.add(conversation_id)
                replica.receive_page(frame["events"])
                self.participant.registry.note_head(conversation_id, frame["head"])
            case "conversation_removed" | "conversation_deleted":
                session.subscribed.discard(frame["conversation_id"])
            case "conversation_added" if frame["conversation"]["conversation_id"] in self.wanted:
                self._spawn(self._subscribe_again(frame["conversation"]["conversation_id"]))

    def _is_answer(self, session: Session, frame: Json) -> bool:
        """Whether a frame is the reply to a pending call, or to those of a batch; then they have ended."""
        asked = session.asked.get(frame.get("id", ""), ())
        if frame.get("type") == "batch_result":
            answered = list(zip(asked, frame["results"], strict=True))
        elif frame.get("type") == "error" and "conversation_id" not in frame and len(asked) > 1:
            answered = [(pending, frame) for pending in asked]  # a batch that is refused as a whole
        else:
            answered = [(pending, frame) for pending in asked if _is_reply_to(pending[0], frame)][:1]
        for (call, future), answer in answered:
            if call.ended is not None:
                call.repeated_answers.append(answer)
                continue
            self.recorder.end(call, _outcome(answer), answer)
            if not future.done():
                future.set_result(None)
        return bool(answered)

    def _replica(self, conversation_id: str) -> Replica:
        return self.replicas.setdefault(conversation_id, Replica())

    def _watch_gap(self, conversation_id: str) -> None:
        if (
            self._replica(conversation_id).first
            and self._replica(conversation_id).has_gap
            and conversation_id not in self._mending
        ):
            self._mending.add(conversation_id)
            self._spawn(self._close_gap(conversation_id))

    async def _close_gap(self, conversation_id: str) -> None:
        """Sync if a gap stays open for a moment; one sync at a time."""
        try:
            await asyncio.sleep(GAP_TIMEOUT)
            if self._replica(conversation_id).has_gap and self._is_up():
                await self.catch_up(conversation_id)
        finally:
            self._mending.discard(conversation_id)

    async def _subscribe_again(self, conversation_id: str) -> None:
        if self._is_up() and conversation_id in self.wanted:
            await self.subscribe(conversation_id)

    def _is_up(self) -> bool:
        return self.session is not None and self.session.life.closed is None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish_tasks(self) -> None:
        """Wait for background tasks."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


_REPLY_TYPES = {
    "hello": "welcome",
    "subscribe": "subscribed",
    "unsubscribe": "unsubscribed",
    "sync": "sync",
    "send": "message_ack",
    "read": "read_ack",
    "edit": "ack",
    "delete_message": "ack",
    "react": "ack",
    "unreact": "ack",
    "ping": "pong",
}


def _outcome(answer: Json) -> str:
    match answer["type"]:
        case "error":
            return str(answer["code"])
        case "superseded":
            return SUPERSEDED
    return OK


def _is_reply_to(call: Call, frame: Json) -> bool:
    """Whether a frame with the id of a call is its reply; a hello has several."""
    if frame.get("type") == "error":
        return bool(frame.get("conversation_id", "") == call.conversation_id)
    if frame.get("type") == "superseded":
        return call.kind in ("subscribe", "unsubscribe") and bool(frame["conversation_id"] == call.conversation_id)
    if frame.get("type") != _REPLY_TYPES.get(call.kind):
        return False
    return call.kind != "subscribe" or bool(frame["conversation_id"] == call.conversation_id)
