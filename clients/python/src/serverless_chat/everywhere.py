"""Work in every conversation that the user is in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .changes import log
from .chat import Chat

PAGE = 100
Serve = Callable[[str], Coroutine[Any, Any, None]]
"""Works in the conversation with an id until it has ended for the user."""


class Everywhere:
    """Runs a coroutine for each conversation, also for those that the user is added to later.

    One that raises is logged. It runs again after the next reconnect, as one that has ended does.
    """

    def __init__(self, chat: Chat, serve: Serve) -> None:
        self._chat, self._serve = chat, serve
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve until the task is cancelled."""
        self._chat.conversations.added.append(self._begin)
        try:
            await self._chat.connected()
            async for _ in self._chat.changes:  # after each reconnect: memberships can have begun meanwhile
                if self._chat.status == "open":
                    await self._begin_all()
        finally:
            self._chat.conversations.added.remove(self._begin)
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin_all(self) -> None:
        cursor = None
        while True:
            query = {"order": "created", "limit": PAGE, "cursor": cursor}
            page = await self._chat.api.get("/conversations", query)
            for entry in page["conversations"]:
                self._begin(entry["conversation_id"])
            if (cursor := page.get("next_cursor")) is None:
                return

    def _begin(self, conversation_id: str) -> None:
        task = self._running.get(conversation_id)
        if task is None or task.done():
            task = asyncio.get_running_loop().create_task(self._serve(conversation_id))
            task.add_done_callback(_log_failure)
            self._running[conversation_id] = task


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a conversation is not followed until the next reconnect", exc_info=error)
