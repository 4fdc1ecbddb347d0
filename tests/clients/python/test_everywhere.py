"""Work in every conversation: it begins once for each, and failures are reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from serverless_chat import Chat, UnavailableError
from serverless_chat.everywhere import Everywhere


class FakeChat:
    """A chat with two conversations, which connects so many times, and then stays connected."""

    status = "open"

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self.conversations = SimpleNamespace(added=[])
        self.api = self
        self.changes = self._changes()
        self.is_idle = asyncio.Event()

    async def connected(self) -> None:
        """Return at once."""

    async def _changes(self) -> AsyncIterator[None]:
        for _ in range(self._connections):
            yield
            await asyncio.sleep(0)
        self.is_idle.set()
        await asyncio.Event().wait()

    async def get(self, _path: str, query: dict[str, Any]) -> dict[str, Any]:
        """Return a page with one conversation."""
        name = "b" if query["cursor"] else "a"
        return {"conversations": [{"conversation_id": name}], **({} if query["cursor"] else {"next_cursor": "x"})}


def served(connections: int) -> list[str]:
    """Return the conversations that were served; the work in "a" fails each time."""
    began: list[str] = []

    async def serve(conversation_id: str) -> None:
        began.append(conversation_id)
        if conversation_id == "a":
            raise ValueError("broken")
        await asyncio.Event().wait()

    async def run() -> None:
        chat = FakeChat(connections)
        running = asyncio.ensure_future(Everywhere(cast(Chat, chat), serve).run())
        await chat.is_idle.wait()
        chat.conversations.added[0]("c")
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert chat.conversations.added == []

    asyncio.run(run())
    return began


def test_each_conversation_is_served_once_until_its_work_ends() -> None:
    assert served(1) == ["a", "b", "c"]
    assert served(3) == ["a", "b", "a", "a", "c"]


def test_work_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "serverless_chat"):
        served(1)
    (record,) = caplog.records
    assert "not followed until the next reconnect" in record.message
    assert "broken" in str(record.exc_info)


def test_list_that_cannot_be_loaded_is_requested_again(caplog: pytest.LogCaptureFixture) -> None:
    began: list[str] = []

    async def serve(conversation_id: str) -> None:
        began.append(conversation_id)
        await asyncio.Event().wait()

    class Failing(FakeChat):
        errors: ClassVar[list[Exception]] = [UnavailableError("no answer"), ValueError("no token")]

        async def get(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
            if self.errors:
                raise self.errors.pop()
            return await super().get(path, query)

    async def run() -> None:
        running = asyncio.ensure_future(Everywhere(cast(Chat, chat := Failing(1)), serve, retry_delay=0).run())
        idle = asyncio.ensure_future(chat.is_idle.wait())
        await asyncio.wait({running, idle}, return_when=asyncio.FIRST_COMPLETED)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with caplog.at_level(logging.WARNING, "serverless_chat"):
        asyncio.run(run())
    assert began == ["a", "b"]
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "ValueError",
        "UnavailableError",
    ]


def test_conversation_that_the_user_is_added_to_again_is_served_again_after_its_former_work() -> None:
    async def run() -> None:
        began: list[str] = []
        ending = asyncio.Event()

        async def serve(conversation_id: str) -> None:
            began.append(conversation_id)
            await ending.wait()

        chat = FakeChat(1)
        running = asyncio.ensure_future(Everywhere(cast(Chat, chat), serve).run())
        await chat.is_idle.wait()
        chat.conversations.added[0]("a")  # its work has not ended yet
        await asyncio.sleep(0)
        assert began == ["a", "b"]
        ending.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert began == ["a", "b", "a"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
