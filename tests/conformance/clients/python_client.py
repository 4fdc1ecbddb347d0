"""The Python client under test: `Chat` and `Room` as applications use them, in a loop of virtual time."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serverless_chat import Chat, Message, Room
from serverless_chat.core.outputs import JsonObject
from serverless_chat.errors import ChatError, RefusedError
from serverless_chat.storage import MemoryStorage
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.conformance.clients.python_environment import Loop, Socket, Storage, Transport, write

HELLO = {
    "name": "serverless-chat for Python",
    "version": "0.2.0",
    "capabilities": ["storage", "resume", "window", "list"],
}
MESSAGE_FIELDS = ("status", "sequence_id", "client_message_id", "content", "is_deleted")


class Subject:
    """One chat, and what the runner does with it."""

    def __init__(self) -> None:
        self.loop = Loop(self.receive)
        self._wall = 0.0
        self._first = True
        self._sockets: dict[int, Socket] = {}
        self._tokens: dict[int, asyncio.Future[str]] = {}
        self._counts = {"socket": 0, "token": 0}
        self._shown: dict[str, list[JsonObject]] = {}
        self._known: dict[str, list[Message]] = {}
        self._in_handler: list[JsonObject] = []
        self._end_handler: dict[str, Callable[[], None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def receive(self, timeout: float | None) -> None:
        """Report that the client is idle, and schedule the next line."""
        if not self._first:
            write("idle", timer=None if timeout is None else math.ceil(timeout * 1_000))
            sys.stdout.flush()
        self._first = False
        text = sys.stdin.readline()
        if not text:
            os._exit(0)
        line = json.loads(text)
        self.loop.call_soon(self._handle, line)

    def _handle(self, line: JsonObject) -> None:
        handler = getattr(self, "on_" + line.pop("type"))
        handler(**line)

    def _begin(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The runner's lines

    def on_hello(self, protocol: int) -> None:
        assert protocol == 1
        write("hello", **HELLO, pid=os.getpid())

    def on_start(
        self, now: int, seed: int, storage: Mapping[str, JsonObject], window: int | None, tabs: bool
    ) -> None:
        """Begin anew: the process is as if it had just been started."""
        random.seed(seed)
        self.loop.seconds, self._wall = 0.0, now / 1_000
        self._sockets.clear()
        self._tokens.clear()
        self._counts = {"socket": 0, "token": 0}
        self._known.clear()
        self._in_handler.clear()
        self.storage = Storage()
        for key, value in storage.items():
            MemoryStorage.save(self.storage, key, value)
        self.transport = Transport()
        self.chat = Chat(
            "http://server",
            "ws://server",
            self._token,
            storage=self.storage,
            window=window,
            clock=lambda: self._wall + self.loop.seconds,
            transport=self.transport,
            open_socket=self._connect,
        )
        self.chat.link.start()

    def on_stop(self) -> None:
        self._begin(self.chat.close())

    def on_storage(self, full: bool) -> None:
        self.storage.is_full = full

    def on_advance(self, ms: int) -> None:
        self.loop.seconds += ms / 1_000

    def on_clock(self, ms: int) -> None:
        self._wall += ms / 1_000

    def on_online(self) -> None:
        self.chat.online()

    def on_token(self, request: int, token: str | None) -> None:
        future = self._tokens.pop(request)
        if future.done():
            return
        if token is None:
            future.set_exception(RuntimeError("no token"))
        else:
            future.set_result(token)

    def on_opened(self, socket: int) -> None:
        if not self._sockets[socket].opened.done():
            self._sockets[socket].opened.set_result(None)

    def on_closed(self, socket: int, status: int) -> None:
        """Close a socket, or refuse it with a status."""
        closed = self._sockets.pop(socket)
        if closed.opened.done():
            closed.frames.put_nowait(None)
        else:
            error = InvalidStatus(Response(status, "", Headers())) if status else OSError("no connection")
            closed.opened.set_exception(error)

    def on_frame(self, socket: int, frame: JsonObject) -> None:
        if socket in self._sockets:
            self._sockets[socket].frames.put_nowait(frame)

    def on_response(self, request: int, status: int, body: JsonObject | None, history_id: str) -> None:
        future = self.transport.requests.pop(request)
        if not future.done():
            future.set_result({"status": status, "body": body, "history_id": history_id})

    def on_list(self) -> None:
        """Show the list, and all of it again after each change."""
        self._begin(self._list(self.chat))

    def on_open(self, conversation_id: str, resume: bool) -> None:
        room = self.chat.room(conversation_id, resume=resume)
        self._end_handler[conversation_id] = room.changes.on(lambda _: self._changed(room))
        self._changed(room)

    def on_observe(self, conversation_id: str) -> None:
        """End the handler of changes, and register another one."""
        room = self.chat.room(conversation_id)
        self._end_handler[conversation_id]()
        self._end_handler[conversation_id] = room.changes.on(lambda _: self._changed(room))

    def on_close(self, conversation_id: str) -> None:
        self.chat.close_room(conversation_id)
        self._known.pop(conversation_id, None)

    def on_send(self, conversation_id: str, content: str, send: str) -> None:
        self._begin(self._send(self.chat.room(conversation_id), content, send))

    def on_edit(self, conversation_id: str, target: int | str, content: str) -> None:
        self.chat.room(conversation_id).edit(target, content)

    def on_delete(self, conversation_id: str, target: int | str) -> None:
        self.chat.room(conversation_id).delete(target)

    def on_react(self, conversation_id: str, target: int | str, emoji: str) -> None:
        self.chat.room(conversation_id).react(target, emoji)

    def on_retry(self, conversation_id: str, client_message_id: str) -> None:
        self.chat.room(conversation_id).retry(client_message_id)

    def on_discard(self, conversation_id: str, client_message_id: str) -> None:
        self.chat.room(conversation_id).discard(client_message_id)

    def on_read(self, conversation_id: str) -> None:
        self.chat.room(conversation_id).read()

    def on_older(self, conversation_id: str) -> None:
        self._begin(self.chat.room(conversation_id).older())

    def on_typing(self, conversation_id: str) -> None:
        self.chat.room(conversation_id).typing()

    def on_view(self, conversation_id: str) -> None:
        """Show all of a view, not the difference."""
        self._known.pop(conversation_id, None)
        self._changed(self.chat.room(conversation_id))

    def on_in_handler(self, line: JsonObject | None) -> None:
        """Do something in the next handler of a change, or nothing more."""
        if line is None:
            self._in_handler.clear()
        else:
            self._in_handler.append(line)

    # The client

    async def _token(self) -> str:
        self._counts["token"] += 1
        number = self._counts["token"]
        self._tokens[number] = self.loop.create_future()
        write("token", request=number)
        return await self._tokens[number]

    async def _connect(self, _url: str, *, additional_headers: Mapping[str, str], **_options: object) -> Socket:
        self._counts["socket"] += 1
        socket = Socket(self._counts["socket"])
        self._sockets[socket.number] = socket
        write("connect", socket=socket.number, token=additional_headers["Authorization"].removeprefix("Bearer "))
        try:
            await socket.opened
        except asyncio.CancelledError:
            write("disconnect", socket=socket.number)
            raise
        return socket

    async def _send(self, room: Room, content: str, send: str) -> None:
        try:
            sent = await room.send(content, client_message_id=f"id of {send}")
        except RefusedError as error:
            write("refused", conversation_id=room.id, client_message_id=error.client_message_id, code=error.code)
        except ChatError:
            pass  # discarded, or closed
        else:
            write(
                "sent",
                conversation_id=room.id,
                client_message_id=sent.client_message_id,
                sequence_id=sent.sequence_id,
                history_id=sent.history_id,
            )

    async def _list(self, chat: Chat) -> None:
        async for rows in chat.conversations:
            names = ("conversation_id", "title", "unread_count")
            shown = [{name: getattr(row, name) for name in names} for row in rows]
            for line, row in zip(shown, rows, strict=True):
                last = row.last_message
                line["last_message"] = last and {name: last.get(name) for name in ("sequence_id", "content")}
            write("rows", rows=shown)

    def _changed(self, room: Room) -> None:
        """Show the messages that differ from those shown before, then carry out lines in the handler."""
        if self.chat.opened(room.id) is not room:
            return
        if room.ended:
            self._known.pop(room.id, None)
            write("ended", conversation_id=room.id)
            return
        known, messages = self._known.get(room.id, []), room.messages
        first = same(known, messages)
        last = same(known[first:][::-1], messages[first:][::-1])
        self._known[room.id] = messages
        core = self.chat.link.core
        timeline = core._subscriptions[room.id].timeline
        changes = [as_line(message) for message in messages[first : len(messages) - last]]
        place = {"history_id": core.history_id, "start": timeline.start, "position": timeline.position}
        place["read_up_to"] = room.read_up_to
        write("view", conversation_id=room.id, **place, keep_first=first, keep_last=last, messages=changes)
        while self._in_handler:
            line = self._in_handler.pop(0)
            is_open = self.chat.opened(line["conversation_id"]) is not None
            if is_open != (line["type"] == "open"):
                write("handled", line=line)
                self._handle(line)


def same(known: Sequence[Message], messages: Sequence[Message]) -> int:
    """Return how many messages are the same from the beginning on."""
    pairs = zip(known, messages, strict=False)
    limit = min(len(known), len(messages))
    return next((index for index, (one, other) in enumerate(pairs) if one is not other and one != other), limit)


def as_line(message: Message) -> JsonObject:
    line = {name: getattr(message, name) for name in MESSAGE_FIELDS}
    line["sender"] = (message.sender or {}).get("participant_id")
    line["reactions"] = [[reaction.emoji, reaction.participants] for reaction in message.reactions]
    if message.error:
        line["error"] = message.error.get("code")
    return line


def main() -> None:
    """Serve the runner from a fork of this process, and from another one after each kill: imports take long."""
    while child := os.fork():
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))
        write("killed")
        sys.stdout.flush()
    subject = Subject()
    asyncio.set_event_loop(subject.loop)
    subject.loop.run_forever()


if __name__ == "__main__":
    main()
