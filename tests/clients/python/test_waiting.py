"""Calls that wait: each ends, also if its caller gives up, or if the chat or the room is closed before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest
from serverless_chat import Chat, ChatClosedError, RefusedError, Room
from serverless_chat.core.outputs import JsonObject

from tests.clients.python.drive import HISTORY, event
from tests.clients.python.fake_server import Server, until

LONGEST = 20.0


class Silent(Server):
    """Answers subscriptions at once, and keeps the messages for the test to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[JsonObject] = []
        self.answers = self._keep

    def _keep(self, frame: JsonObject) -> Iterable[JsonObject]:
        if frame["type"] == "message":
            self.sent.append(frame)
        return self._subscribed(frame)

    async def answer_message(self, **fields: Any) -> None:
        """Answer the oldest message."""
        await until(lambda: self.sent != [])
        frame = self.sent.pop(0)
        self.socket.push({"id": frame["id"], "conversation_id": "conv_a", "history_id": HISTORY, **fields})

    async def acknowledge(self) -> None:
        await self.answer_message(type="message_ack", sequence_id=3, duplicate=False)

    async def refuse(self) -> None:
        await self.answer_message(type="error", code="MUTED", message="muted", retryable=False)


def talk(steps: Callable[[Silent, Chat, Room], Coroutine[Any, Any, None]]) -> None:
    """Run steps with an open conversation."""

    async def run() -> None:
        server = Silent()
        async with server.chat() as chat:
            await chat.connected()
            await steps(server, chat, await chat.open("conv_a"))

    asyncio.run(asyncio.wait_for(run(), LONGEST))


async def given_up(sending: asyncio.Future[Any]) -> None:
    """Cancel a call, and wait for its end."""
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


def test_refusal_of_a_message_whose_sender_gave_up_is_reported() -> None:
    async def steps(server: Silent, chat: Chat, room: Room) -> None:
        refusals: list[RefusedError] = []
        chat.on_error(refusals.append)
        sending = asyncio.ensure_future(room.send("hi", client_message_id="key"))
        await until(lambda: server.sent != [])
        await given_up(sending)
        await server.refuse()
        await until(lambda: room.messages[-1].status == "failed")
        assert [(found.code, found.client_message_id) for found in refusals] == [("MUTED", "key")]

    talk(steps)


def test_sender_that_gives_up_leaves_others_of_the_same_message_waiting() -> None:
    async def steps(server: Silent, _: Chat, room: Room) -> None:
        one, other = (asyncio.ensure_future(room.send("hi", client_message_id="key")) for _ in range(2))
        await until(lambda: server.sent != [])
        await given_up(one)
        with pytest.raises(UnicodeEncodeError):
            await room.send("\ud83d", client_message_id="key")
        await server.acknowledge()
        assert (await other).sequence_id == 3

    talk(steps)


def test_send_in_a_closed_chat_or_room_ends_and_is_queued() -> None:
    async def steps(server: Silent, chat: Chat, room: Room) -> None:
        room.close()
        with pytest.raises(ChatClosedError):
            await room.send("into the closed room")
        await until(lambda: [frame["content"] for frame in server.sent] == ["into the closed room"])
        room = chat.room("conv_a")
        await chat.close()
        for closed in (room, chat.room("conv_b")):
            with pytest.raises(ChatClosedError):
                await closed.send("too late")
            assert [message.content for message in closed.messages if message.status == "pending"][
                -1
            ] == "too late"

    talk(steps)


def test_calls_and_iterations_end_with_the_chat() -> None:
    async def values(found: Any) -> None:
        async for _ in found:
            pass

    async def steps(server: Silent, chat: Chat, room: Room) -> None:
        server.answers = lambda _: ()
        server.socket._answers = server.answers
        opening = asyncio.ensure_future(chat.open("conv_silent"))
        endless = [room.changes, chat.changes, room.events(), chat.conversations]
        iterations = [asyncio.ensure_future(values(found)) for found in endless]
        await until(lambda: chat.opened("conv_silent") is not None)
        await chat.close()
        await asyncio.gather(*iterations)
        for call in (opening, chat.connected(), chat.open("conv_b")):
            with pytest.raises(ChatClosedError):
                await call
        assert [found async for found in room.events()] != []
        assert await room.older() is False

    talk(steps)


def test_opening_of_a_room_that_is_closed_meanwhile_ends() -> None:
    async def steps(server: Silent, chat: Chat, _: Room) -> None:
        server.socket._answers = lambda _: ()
        opening = asyncio.ensure_future(chat.open("conv_silent"))
        await until(lambda: chat.opened("conv_silent") is not None)
        chat.close_room("conv_silent")
        with pytest.raises(ChatClosedError):
            await opening

    talk(steps)


def test_close_that_is_given_up_has_ended_the_sends() -> None:
    async def steps(server: Silent, chat: Chat, room: Room) -> None:
        sending = asyncio.ensure_future(room.send("hi"))
        await until(lambda: server.sent != [])
        closing_socket, closed = asyncio.Event(), asyncio.Event()

        async def close() -> None:
            closing_socket.set()
            await closed.wait()

        server.socket.close = close  # type: ignore[method-assign]
        closing = asyncio.ensure_future(chat.close())
        await closing_socket.wait()
        await given_up(closing)
        with pytest.raises(ChatClosedError):
            await sending
        closed.set()

    talk(steps)


def test_send_waits_on_when_its_conversation_has_ended_and_is_opened_again() -> None:
    async def steps(server: Silent, chat: Chat, room: Room) -> None:
        sending = asyncio.ensure_future(room.send("hi"))
        await until(lambda: server.sent != [])
        server.socket.push({"type": "conversation_removed", "conversation_id": "conv_a", "reason": "removed"})
        await room.changes.until(lambda _: room.ended is not None)
        again = await chat.open("conv_a")
        assert again is not room
        await server.acknowledge()
        assert (await sending).sequence_id == 3

    talk(steps)


def test_iteration_of_a_room_that_has_ended_is_over_when_the_conversation_is_opened_again() -> None:
    async def steps(server: Silent, chat: Chat, room: Room) -> None:
        async def follow() -> None:
            async for _ in room.changes:
                pass

        following = asyncio.ensure_future(follow())
        server.socket.push({"type": "conversation_removed", "conversation_id": "conv_a", "reason": "removed"})
        await room.changes.until(lambda _: room.ended is not None)
        await chat.open("conv_a")
        await following

    talk(steps)


def test_room_that_replaces_an_ended_one_stays_open_when_that_is_closed() -> None:
    async def steps(server: Silent, chat: Chat, _: Room) -> None:
        server.answers = lambda frame: []
        room = chat.room("conv_b")
        room.changes.on(lambda _: room.ended and chat.room("conv_b"))
        opening = asyncio.ensure_future(chat.open("conv_b"))
        server.socket.push({"type": "conversation_deleted", "conversation_id": "conv_b"})
        with pytest.raises(RefusedError, match="cannot be opened"):
            await opening
        room.close()
        again = chat.opened("conv_b")
        assert again is not None
        assert again is not room

    talk(steps)


def test_events_between_the_call_and_the_iteration_are_yielded() -> None:
    async def steps(server: Silent, _: Chat, room: Room) -> None:
        events = room.events()
        pushed = {"type": "events", "conversation_id": "conv_a", "history_id": HISTORY}
        server.socket.push({**pushed, "events": [event(3)]})
        await room.changes.until(lambda _: room.position == 3)
        assert [(await anext(events))["sequence_id"] for _ in range(3)] == [1, 2, 3]

    talk(steps)


def test_events_of_a_room_that_has_ended_end() -> None:
    async def steps(server: Silent, _: Chat, room: Room) -> None:
        server.socket.push({"type": "conversation_deleted", "conversation_id": "conv_a"})
        await room.changes.until(lambda _: room.ended is not None)
        assert [found async for found in room.events()] == []

    talk(steps)
