"""A bot answers each mention once, across restarts and instances."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from serverless_chat import Bot, Room, SqliteStorage, Storage
from serverless_chat.core.outputs import JsonObject

from tests.clients.python.live.server import LiveServer
from tests.clients.python.live.test_chat import contents, run


async def echo(message: JsonObject, room: Room) -> str | None:
    if message["content"] == "fail":
        raise ValueError("no answer")
    if message["content"] == "refuse":
        return " "
    if message["content"] == "cut":
        return "\ud83d"  # half of an emoji
    return f"re: {message['content']}"


@contextlib.asynccontextmanager
async def running(server: LiveServer, storage: Storage | None = None) -> AsyncIterator[None]:
    chat = server.chat("bob", storage)
    task = asyncio.ensure_future(Bot(chat, echo).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(room: Room, text: str) -> None:
    await room.send(text, mentions=["bob"])


async def answered(room: Room, count: int) -> list[str]:
    """Wait for a number of answers, and return all of them."""

    def answers() -> list[str]:
        return [str(text) for text in contents(room.messages) if str(text).startswith("re: ")]

    await room.changes.until(lambda _: len(answers()) >= count)
    return answers()


def test_bot_answers_mentions_in_old_and_new_conversations(server: LiveServer) -> None:
    conversation_id = server.create()

    async def talk() -> None:
        async with server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            await ask(room, "before the first start")
            async with running(server):
                await ask(room, "fail")
                await ask(room, "refuse")
                await ask(room, "cut")
                await room.send("no mention")
                await ask(room, "one")
                assert await answered(room, 1) == ["re: one"]
                another = await alice.create("New", [{"participant_id": "bob", "name": "Bob"}])
                await ask(another, "two")
                assert await answered(another, 1) == ["re: two"]
            [reply] = [message for message in room.messages if message.reply_to]
            assert room.messages[-2].sequence_id == reply.reply_to

    run(talk())


def test_mention_is_answered_once_across_restarts_and_two_instances(server: LiveServer, tmp_path: Path) -> None:
    conversation_id = server.create()
    storages = [SqliteStorage(tmp_path / f"{number}.db", server.http_url, "bob") for number in range(2)]

    async def talk() -> None:
        async with server.chat("alice") as alice:
            room = await alice.open(conversation_id)
            async with running(server, storages[0]), running(server, storages[1]):
                await ask(room, "to both")
                await answered(room, 1)
            await ask(room, "to none")
            async with running(server, storages[0]):
                assert await answered(room, 2) == ["re: to both", "re: to none"]
            async with running(server, storages[1]):
                await ask(room, "last")
                assert await answered(room, 3) == ["re: to both", "re: to none", "re: last"]

    run(talk())
    for storage in storages:
        storage.close()


def test_mention_before_the_newest_page_of_an_unknown_conversation_is_not_answered(
    server: LiveServer, tmp_path: Path
) -> None:
    conversation_id = server.create()
    storage = SqliteStorage(tmp_path / "bot.db", server.http_url, "bob")

    async def talk() -> None:
        async with server.chat("alice") as alice:
            first = await alice.open(conversation_id)
            async with running(server, storage):
                await ask(first, "at its first start")
                await answered(first, 1)
            room = await alice.create("While it is down", [{"participant_id": "bob", "name": "Bob"}])
            await ask(room, "too early")
            await asyncio.gather(*(room.send(str(number)) for number in range(49)))
            await ask(room, "within the page")
            async with running(server, storage):
                assert await answered(room, 1) == ["re: within the page"]
                await ask(room, "live")
                assert await answered(room, 2) == ["re: within the page", "re: live"]

    run(talk())
    storage.close()
