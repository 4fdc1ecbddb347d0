"""Work in every conversation that the user is in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .changes import log
from .chat import Chat
from .errors import ChatClosedError

PAGE = 100
RETRY_DELAY = 10.0
"""After how many seconds a list that could not be loaded is requested again."""
Serve = Callable[[str], Coroutine[Any, Any, None]]
"""Works in the conversation with an id until it has ended for the user."""


class Everywhere:
    """Runs a coroutine for each conversation, also for those that the user is added to later.

    One that raises is logged. It runs again after the next reconnect, as one that has ended does, or when the user
    is added again.
    """

    def __init__(self, chat: Chat, serve: Serve, retry_delay: float = RETRY_DELAY) -> None:
        self._chat, self._serve, self._retry_delay = chat, serve, retry_delay
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    async def run(self) -> None:
        """Serve until the task is cancelled."""
        self._chat.conversations.added.append(self._added)
        try:
            await self._chat.connected()
            async for _ in self._chat.changes:  # after each reconnect: memberships can have begun meanwhile
                await self._begin_until_listed()
        finally:
            self._chat.conversations.added.remove(self._added)
            self._again.clear()
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin_until_listed(self) -> None:
        """Begin all; repeat it while the list cannot be loaded, as a connection can outlast that."""
        while self._chat.status == "open":
            try:
                await self._begin_all()
            except ChatClosedError:
                return
            except Exception as error:  # noqa: BLE001 -- the token callback may raise whatever it likes
                log.warning("the conversations are not listed: %s", type(error).__name__)
                await asyncio.sleep(self._retry_delay)
            else:
                return

    async def _begin_all(self) -> None:
        cursor = None
        while True:
            query = {"order": "created", "limit": PAGE, "cursor": cursor}
            page = await self._chat.api.get("/conversations", query)
            for entry in page["conversations"]:
                self._begin(entry["conversation_id"])
            if (cursor := page.get("next_cursor")) is None:
                return

    def _added(self, conversation_id: str) -> None:
        if not self._begin(conversation_id):
            self._again.add(conversation_id)  # the work in the former membership has not ended yet

    def _begin(self, conversation_id: str) -> bool:
        """Begin the work in a conversation; return False if it is running."""
        task = self._running.get(conversation_id)
        if task is not None and not task.done():
            return False
        task = asyncio.get_running_loop().create_task(self._serve(conversation_id))
        task.add_done_callback(_log_failure)
        task.add_done_callback(lambda _: self._ended(conversation_id))
        self._running[conversation_id] = task
        return True

    def _ended(self, conversation_id: str) -> None:
        if conversation_id in self._again:
            self._again.discard(conversation_id)
            self._begin(conversation_id)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a conversation is not followed until the next reconnect", exc_info=error)
