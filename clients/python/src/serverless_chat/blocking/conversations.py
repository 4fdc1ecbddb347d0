"""The list of the user's conversations, for callers without asyncio."""

from __future__ import annotations

from collections.abc import Callable, Generator

from .. import conversations as asynchronous
from ..core.outputs import JsonObject
from ..core.row import Row
from .changes import Changes
from .loop_thread import LoopThread


class ConversationList:
    """`for rows in chat.conversations` yields the rows when they are loaded, and after each change."""

    def __init__(self, loop: LoopThread, conversations: asynchronous.ConversationList) -> None:
        self._loop, self._list = loop, conversations
        self.changes: Changes[list[Row]] = Changes(loop, conversations.changes)
        """The rows and their changes, once `load` was called."""

    @property
    def is_loaded(self) -> bool:
        """Whether the first page is there."""
        return self._list.is_loaded

    @property
    def is_fresh(self) -> bool:
        """Whether the first page is there, and not requested again."""
        return self._loop.call(lambda: self._list.is_fresh)

    @property
    def rows(self) -> list[Row]:
        """All rows that are loaded: pinned ones first, then latest message first."""
        return self._loop.call(lambda: self._list.rows)

    @property
    def has_more(self) -> bool:
        """Whether `load_more` brings further rows."""
        return self._list.has_more

    @property
    def total_unread(self) -> int:
        """How many messages are unread in all conversations that are not archived, for a badge."""
        return self._loop.call(lambda: self._list.total_unread)

    def on_invited(self, handler: Callable[[JsonObject], object]) -> Callable[[], None]:
        """Call a function with each `invited` frame, which asks for consent; return a function that ends this."""
        return self._loop.observe(self._list.on_invited, handler)

    def __iter__(self) -> Generator[list[Row], None, None]:
        """Yield the rows when they are loaded, and after each change."""
        return self._loop.iterate(self._list.__aiter__, lambda: None)

    def load(self, timeout: float | None = None) -> list[Row]:
        """Return the rows when the first page is there, and keep them up to date from here on.

        Raises:
            RefusedError: The server refuses the request, for instance because of the token.
            UnavailableError: The server does not answer.
        """
        return self._loop.run(self._list.load(), timeout)

    def load_more(self, timeout: float | None = None) -> bool:
        """Load the next page; return whether there was one."""
        return self._loop.run(self._list.load_more(), timeout)

    def refresh_soon(self) -> None:
        """Load the list again; call it when it comes into focus. Calls in a row are one request."""
        self._loop.call(self._list.refresh_soon)
