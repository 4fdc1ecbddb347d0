"""Work in every conversation: it begins once for each, and failures are reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from serverless_chat import Chat
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
