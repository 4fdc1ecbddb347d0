"""The asyncio client: sends, views, lists, and their recovery."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from serverless_chat import Chat, MemoryStorage, Message, RefusedError, Room, Row, Sent, SqliteStorage

from tests.clients.python.live.server import LiveServer, Proxy, token

T = TypeVar("T")
LONGEST = 120.0
"""Seconds after which a test hangs: on a busy machine, a server alone can take ten to start."""


def run(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine for a limited time."""

    async def limited() -> T:
        return await asyncio.wait_for(work, LONGEST)

    return asyncio.run(limited())


def contents(messages: list[Message]) -> list[str | None]:
    return [message.content for message in messages]


def values(room: Room, name: str) -> dict[str, object]:
    """Return a field of all participants."""
    return {entry["participant_id"]: entry.get(name) for entry in room.participants}


async def shows(room: Room, *expected: str) -> None:
    """Wait until a room shows messages with these contents, all of them sent."""
    await room.changes.until(
        lambda messages: (
            contents(messages) == list(expected) and all(message.status == "sent" for message in messages)
        )
    )


def test_messages_arrive_once_in_order_and_in_both_views(server: LiveServer) -> None:
    async def talk() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob:
            room = await alice.create("Trip", [{"participant_id": "bob", "name": "Bob"}])
            other = await bob.open(room.id)
            sent = await asyncio.gather(*(room.send(f"text {number}") for number in range(30)))
            assert [result.sequence_id for result in sent] == list(range(2, 32))
            await shows(room, *(f"text {number}" for number in range(30)))
            await shows(other, *(f"text {number}" for number in range(30)))
            assert server.texts(room.id) == contents(other.messages)

    run(talk())


def test_direct_conversation_is_opened_by_the_id_of_the_other_participant(server: LiveServer) -> None:
    async def talk() -> None:
        async with server.chat("dora") as dora, server.chat("emil") as emil:
            room = await dora.direct("emil", "Emil")
            await room.send("only for Emil")
            other = await emil.direct("dora")
            assert other.id == room.id
            await shows(other, "only for Emil")
            (row,) = [row for row in await emil.conversations.load() if row.conversation_id == room.id]
            assert row.direct
            assert row.other is not None
            assert (row.other["participant_id"], row.other["type"]) == ("dora", "human")
            with pytest.raises(RefusedError):
                await dora.direct("dora")

    run(talk())


def test_updates_are_folded_into_the_messages_of_others(server: LiveServer) -> None:
    conversation_id = server.create()

    async def update() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob:
            room, other = await alice.open(conversation_id), await bob.open(conversation_id)
            key = room.queue("first", mentions=["bob"])
            room.edit(key, "edited")
            await room.send("second")
            await shows(other, "edited", "second")
            other.react(other.messages[0], "🎉")
            room.delete(room.messages[1])
            messages = await room.changes.until(
                lambda messages: bool(messages[0].reactions) and messages[1].is_deleted
            )
            assert messages[0].reactions[0].participants == ("bob",)
            assert messages[0].mentions == ("bob",)

    run(update())


def test_refused_message_raises_and_holds_the_later_ones_until_it_is_discarded(server: LiveServer) -> None:
    conversation_id = server.create()

    async def refuse() -> None:
        async with server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            with pytest.raises(RefusedError) as error:
                await room.send(" ")
            assert error.value.code == "VALIDATION_FAILED"
            later = asyncio.ensure_future(room.send("later"))
            await asyncio.sleep(0)
            [failed, pending] = room.messages
            assert (failed.status, pending.status) == ("failed", "pending")
            room.discard(str(failed.client_message_id))
            await later
            await shows(room, "later")

    run(refuse())


def test_refused_update_is_reported(server: LiveServer) -> None:
    conversation_id = server.create()

    async def refuse() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob:
            room, other = await alice.open(conversation_id), await bob.open(conversation_id)
            sent = await room.send("mine")
            reported: asyncio.Future[RefusedError] = asyncio.get_running_loop().create_future()
            bob.on_error(reported.set_result)
            other.edit(sent.sequence_id, "not mine")
            error = await reported
            assert (error.code, error.conversation_id, error.client_message_id) == ("FORBIDDEN", room.id, None)

    run(refuse())


def test_unknown_conversation_cannot_be_opened(server: LiveServer) -> None:
    async def look() -> None:
        async with server.chat("alice") as alice:
            with pytest.raises(RefusedError, match="NOT_FOUND"):
                await alice.open("conv_" + "x" * 22)

    run(look())


def test_message_that_fits_into_no_frame_is_sent_by_http(own_server: LiveServer) -> None:
    own_server.start(CHAT_LIMIT_FRAME_BYTES="2000")
    conversation_id = own_server.create()

    async def send() -> None:
        async with own_server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            await asyncio.gather(room.send("€" * 1_000), room.send("short"), room.send("€" * 2_000))
            assert own_server.texts(room.id) == ["€" * 1_000, "short", "€" * 2_000]

    run(send())


def test_severed_connections_lose_and_double_nothing(server: LiveServer) -> None:
    conversation_id = server.create()

    async def endure() -> None:
        proxy = Proxy(server)
        async with proxy.running() as url, server.chat("alice", ws_url=url) as alice, server.chat("bob") as bob:
            room, other = await alice.open(conversation_id), await bob.open(conversation_id)
            sends: list[asyncio.Future[Sent]] = []
            for first in range(0, 12, 4):
                texts = [f"mine {number}" for number in range(first, first + 4)]
                sends += [asyncio.ensure_future(room.send(text)) for text in texts]
                await sends[first]  # the others are in flight
                proxy.sever()
                await alice.changes.until(lambda status: status != "open")
                alice.online()
            await other.send("theirs")
            await asyncio.gather(*sends)
            await room.changes.until(lambda messages: len(messages) == 13)
            assert contents(room.messages) == server.texts(room.id)
            mine = [text for text in contents(room.messages) if str(text).startswith("mine")]
            assert mine == [f"mine {number}" for number in range(12)]
            assert proxy.connections > 3

    run(endure())


def test_sends_while_there_is_no_connection_are_sent_later(server: LiveServer) -> None:
    conversation_id = server.create()

    async def wait() -> None:
        proxy = Proxy(server)
        proxy.is_refusing = True
        async with proxy.running() as url, server.chat("alice", ws_url=url) as alice:
            room = alice.room(conversation_id)
            send = asyncio.ensure_future(room.send("late"))
            await alice.changes.until(lambda status: status == "waiting")
            assert [message.status for message in room.messages] == ["pending"]
            assert alice.error is not None
            proxy.is_refusing = False
            alice.online()
            await send
            await shows(room, "late")

    run(wait())


def test_outbox_survives_the_process_and_later_texts_follow_in_order(server: LiveServer, tmp_path: Path) -> None:
    conversation_id = server.create()
    path = tmp_path / "chat.db"

    async def queue() -> None:
        storage = SqliteStorage(path, server.http_url, "alice")
        async with server.chat("alice", storage, ws_url="ws://127.0.0.1:9/none") as alice:
            room = alice.room(conversation_id)
            room.queue("one")
            room.queue("two")
        storage.close()

    async def resume() -> None:
        storage = SqliteStorage(path, server.http_url, "alice")
        async with server.chat("alice", storage) as alice:
            room = alice.room(conversation_id)
            assert contents(room.messages) == ["one", "two"]
            await room.send("three")
            await shows(room, "one", "two", "three")
        storage.close()

    run(queue())
    run(resume())
    assert server.texts(conversation_id) == ["one", "two", "three"]


def test_restart_and_restore_leave_the_view_equal_to_the_log(own_server: LiveServer, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    own_server.start("--data", str(data))
    conversation_id = own_server.create()

    async def endure() -> None:
        proxy = Proxy(own_server)
        storage = MemoryStorage()
        async with proxy.running() as url, own_server.chat("alice", storage, ws_url=url) as alice:
            room = await alice.open(conversation_id)
            await room.send("kept")
            await asyncio.to_thread(own_server.backup, data, copy)
            lost = await room.send("lost by the restore")
            await asyncio.to_thread(own_server.kill)
            pending = asyncio.ensure_future(room.send("unacknowledged"))
            await alice.changes.until(lambda status: status == "waiting")
            await asyncio.to_thread(own_server.start, "--data", str(copy))
            alice.online()
            sent = await pending
            assert sent.history_id != lost.history_id
            await shows(room, "kept", "unacknowledged")
            assert own_server.texts(conversation_id) == ["kept", "unacknowledged"]

    run(endure())


def test_handlers_may_close_and_open_rooms(server: LiveServer) -> None:
    first, second = server.create(), server.create()

    async def reenter() -> None:
        async with server.chat("alice") as alice:
            room, other = await alice.open(first), await alice.open(second)
            seen: list[int] = []

            def handler(messages: list[Message]) -> None:
                seen.append(len(messages))
                off()
                other.close()
                alice.room(second).queue("from the handler")

            off = room.changes.on(handler)
            await room.send("go")
            await shows(alice.room(second), "from the handler")
            assert len(seen) == 1

    run(reenter())


def test_events_are_yielded_once_from_the_start_of_the_view(server: LiveServer) -> None:
    conversation_id = server.create()

    async def follow() -> None:
        async with server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            await room.send("one")
            events = room.events()
            seen = [await events.__anext__() for _ in range(2)]
            await room.send("two")
            seen.append(await events.__anext__())
            assert [event["sequence_id"] for event in seen] == [1, 2, 3]
            room.close()
            with pytest.raises(StopAsyncIteration):
                await events.__anext__()

    run(follow())


def test_older_events_are_fetched_backwards(server: LiveServer) -> None:
    conversation_id = server.create()

    async def scroll() -> None:
        async with server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            await asyncio.gather(*(room.send(str(number)) for number in range(60)))
        async with server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            assert len(room.messages) == 50
            assert await room.older()
            assert contents(room.messages) == [str(number) for number in range(60)]
            assert not await room.older()

    run(scroll())


def test_typing_presence_and_read_marks_reach_the_others(server: LiveServer) -> None:
    conversation_id = server.create()

    async def meet() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob:
            room, other = await alice.open(conversation_id), await bob.open(conversation_id)
            await room.send("hello")
            await other.changes.until(lambda _: other.unread_count == 1)
            other.typing()
            await room.changes.until(lambda _: [typist["participant_id"] for typist in room.typists] == ["bob"])
            other.read()
            assert other.unread_count == 0
            await room.changes.until(
                lambda _: (
                    {entry["participant_id"]: entry.get("read_up_to") for entry in room.participants}["bob"] == 2
                )
            )
            await bob.close()
            await room.changes.until(lambda _: not values(room, "online")["bob"])
            assert room.typists == []

    run(meet())


def test_list_of_conversations_follows_messages_reads_and_memberships(server: LiveServer) -> None:
    first, second = server.create("First"), server.create("Second")

    def titles(chat: Chat) -> dict[str, int]:
        rows = [row for row in chat.conversations.rows if row.title in {"First", "Second", "Third"}]
        return {row.title: row.unread_count for row in rows}

    async def watch() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob:
            await bob.conversations.load()
            before = titles(bob)
            assert list(before)[:2] == ["Second", "First"]
            opened = await bob.open(first)
            room = await alice.open(first)
            await room.send("hello")
            await bob.conversations.changes.until(lambda rows: rows[0].conversation_id == first)
            assert titles(bob) == {"First": 1, "Second": 0}
            opened.read()
            assert titles(bob)["First"] == 0
            third = await alice.create("Third", [{"participant_id": "bob", "name": "Bob"}])
            await bob.conversations.changes.until(lambda rows: "Third" in {row.title for row in rows})
            await alice.api.request("DELETE", f"/conversations/{third.id}")
            await bob.conversations.changes.until(lambda rows: "Third" not in {row.title for row in rows})
            quiet = await alice.open(second)
            await quiet.send("in a conversation that is not open")
            await bob.conversations.changes.until(lambda _: titles(bob)["Second"] == 1)

    run(watch())


def test_feed_shows_messages_titles_and_reads_of_other_devices(server: LiveServer) -> None:
    conversation_id = server.create("Feed")

    def row(chat: Chat) -> Row:
        return next(row for row in chat.conversations.rows if row.conversation_id == conversation_id)

    async def watch() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob, server.chat("bob") as phone:
            async for _ in bob.conversations:
                break
            await bob.connected()
            total = bob.conversations.total_unread
            room = await alice.open(conversation_id)
            await room.send("x" * 200)
            # Pages of the list have the whole text.
            await bob.conversations.changes.until(lambda _: "truncated" in (row(bob).last_message or {}))
            assert (row(bob).unread_count, bob.conversations.total_unread) == (1, total + 1)
            await alice.api.request("PATCH", f"/conversations/{conversation_id}", {"title": "Renamed"})
            await bob.conversations.changes.until(lambda _: row(bob).title == "Renamed")
            (await phone.open(conversation_id)).read()
            await bob.conversations.changes.until(lambda _: row(bob).unread_count == 0)
            assert bob.conversations.total_unread == total
            await phone.room(conversation_id).send("from the phone")
            await bob.conversations.changes.until(
                lambda _: (row(bob).last_message or {})["content"] == "from the phone"
            )
            assert row(bob).unread_count == 0

    run(watch())


def test_rejected_token_is_replaced_by_that_of_the_next_call(server: LiveServer) -> None:
    conversation_id = server.create()
    tokens = ["not a token", token("alice", -60), token("alice")]

    async def connect() -> None:
        def next_token() -> str:
            return tokens.pop(0) if len(tokens) > 1 else tokens[0]

        async with Chat(server.http_url, server.ws_url, next_token) as alice:
            statuses = [alice.changes.on(lambda status: alice.online() if status == "waiting" else None)]
            room = await alice.open(conversation_id)
            assert room.is_loaded
            assert tokens == [tokens[-1]]
            statuses[0]()

    run(connect())
