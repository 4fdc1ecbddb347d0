"""The user's conversations, latest message first, with unread counts: live by the feed of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from .calls import CLOSED
from .changes import Changes, Handlers, log
from .core.outputs import JsonObject
from .core.row import Row
from .core.rows import UNKNOWN_DELAY, Rows
from .errors import ChatClosedError

if TYPE_CHECKING:
    from .chat import Chat
    from .room import Room

PAGE = 50
WATCHED = 20
"""How many rows are compared by `ping`."""
FAILURE_DELAY = 10.0
"""After how many seconds a load that failed is repeated."""


class ConversationList:
    """`async for rows in chat.conversations` yields the rows when they are loaded, and after each change."""

    def __init__(self, chat: Chat) -> None:
        self.changes: Changes[list[Row]] = Changes(lambda: self.rows)
        self.is_loaded = False
        """Whether the first page is there."""
        self.added: list[Callable[[str], object]] = []
        """Functions that are called with the id of each conversation that the user is added to."""
        self._invited: Handlers[JsonObject] = Handlers()
        self._chat = chat
        self._rows = Rows()
        self._cursor: str | None = None
        self._pages = 1
        """How many pages are loaded, and loaded again by a refresh."""
        self._refreshing: asyncio.Task[Exception | None] | None = None
        self._loading = 0
        """How many calls of `load` wait, which raise the error of a refresh."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_wanted = self._is_closed = False
        self._is_stale = False
        self._shown: tuple[bool, int, list[Row]] = (False, 0, [])

    @property
    def rows(self) -> list[Row]:
        """All rows that are loaded: pinned ones first, then latest message first."""
        return self._rows.sorted()

    @property
    def has_more(self) -> bool:
        """Whether `load_more` brings further rows."""
        return self._cursor is not None

    @property
    def total_unread(self) -> int:
        """How many messages are unread in all conversations that are not archived, for a badge."""
        return self._rows.total_unread

    @property
    def is_fresh(self) -> bool:
        """Whether the first page is there, and not requested again."""
        return self.is_loaded and (self._refreshing is None or self._refreshing.done())

    def on_invited(self, handler: Callable[[JsonObject], object]) -> Callable[[], None]:
        """Call a function with each `invited` frame, which asks for consent; return a function that ends this."""
        return self._invited.on(handler)

    async def __aiter__(self) -> AsyncIterator[list[Row]]:
        """Yield the rows when they are loaded, and after each change."""
        self._want()
        self.refresh_soon()
        async for rows in self.changes:
            if self.is_loaded:
                yield rows

    async def load(self) -> list[Row]:
        """Return the rows when the first page is there, and keep them up to date from here on.

        Raises:
            RefusedError: The server refuses the request, for instance because of the token.
            UnavailableError: The server does not answer.
            ChatClosedError: The chat was closed before.
        """
        self._want()
        self._loading += 1
        try:
            while self._is_wanted:
                refreshing = self._begin_refresh()
                await asyncio.wait({refreshing})  # not two at once: the later one can be answered first
                if refreshing.cancelled():  # by `online`
                    continue
                if (error := refreshing.result()) is not None:
                    raise error
                return self.rows
        finally:
            self._loading -= 1
        raise ChatClosedError(CLOSED)

    async def load_more(self) -> bool:
        """Load the next page; return whether there was one."""
        if not self.has_more:
            return False
        page = await self._load_page(self._cursor)
        self._cursor, self._pages = page.get("next_cursor"), self._pages + 1  # a running refresh loads it, too
        self._changed()
        return True

    def refresh_soon(self) -> None:
        """Load the list again; call it when it comes into focus. Calls in a row are one request."""
        if self._is_wanted:
            self._begin_refresh()

    def online(self) -> None:
        """Load the list now: a request that waits for another attempt begins anew."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None
        self.refresh_soon()

    def close(self) -> set[asyncio.Task[Any]]:
        """End the iterations, and cancel the requests; return their tasks."""
        self._is_wanted, self._is_closed = False, True
        self.changes.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._refreshing is None:
            return set()
        self._refreshing.cancel()
        return {self._refreshing}

    def pushed(self, frame: JsonObject) -> None:
        """Apply a frame that can change the list."""
        if not self.is_loaded and "events" in frame and self._is_shown(frame["conversation_id"]):
            return  # the first page is followed by the open rooms
        delay = self._rows.apply(frame, (self._chat.participant or {}).get("participant_id"))
        if frame["type"] == "invited":
            self._invited.call(lambda: frame)
        elif frame["type"] == "conversation_added":
            for handler in list(self.added):
                handler(frame["conversation"]["conversation_id"])
        if delay == 0:
            self.refresh_soon()
        elif delay is not None:
            self._refresh_later(delay)
        self._changed()

    def compare(self, heads: Mapping[str, int], missing: Collection[str]) -> None:
        """Refresh if a row that is not open has a lower head than the server, or does not exist any more."""
        shown = {row.conversation_id: row.head for row in self.rows[:WATCHED]}
        shown = {key: head for key, head in shown.items() if self._chat.opened(key) is None}
        if any(heads.get(key, 0) > head for key, head in shown.items()) or set(missing) & set(shown):
            self.refresh_soon()

    def room_changed(self, room: Room) -> None:
        """Take over the state of an open conversation."""
        if not self._is_shown(room.id) or room.id not in self._rows:
            return
        core, head = self._chat.link.core, self._rows[room.id].head
        if room.position < head or not self._rows.is_of(core.history_id):
            return  # its events, or the first page of its history, are on their way
        latest = core.latest_message(room.id)
        events = core.events_after(room.id, self._rows.whole(room.id))
        is_whole = events is not None
        if events is None:
            events = core.events_after(room.id, head)
        if events is None:
            self.refresh_soon()  # its view begins later: the messages before are not counted
            return
        if latest is None and any(event["type"].startswith("message_") for event in events):
            self._refresh_later(UNKNOWN_DELAY)  # the last message is before the view
        self._rows.follow(room.id, events, room.read_up_to, room.unread_count, latest, is_whole)
        self._changed()

    def _is_shown(self, conversation_id: str) -> bool:
        room = self._chat.opened(conversation_id)
        return room is not None and room.is_loaded and room.ended is None

    def _want(self) -> None:
        """Keep the list up to date from here on."""
        if not self._is_wanted and not self._is_closed:
            self._is_wanted = True
            self._chat.link.core.want_feed(self._chat.link.now)
            self._chat.link.pump()

    def _begin_refresh(self) -> asyncio.Task[Exception | None]:
        """Return the task that loads the list from here on."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh_until_fresh())
        else:
            self._is_stale = True
        return self._refreshing

    async def _refresh(self) -> None:
        cursor, listed, count = None, set[str](), 0
        while count < self._pages and (count == 0 or cursor is not None):
            page = await self._load_page(cursor)
            listed |= {conversation["conversation_id"] for conversation in page["conversations"]}
            cursor, count = page.get("next_cursor"), count + 1
        if not self._is_stale:  # else a row that was added meanwhile would leave until the list is loaded again
            self._rows.keep(listed)
        self._cursor, self.is_loaded = cursor, True
        for row in self._rows.sorted():
            if (room := self._chat.opened(row.conversation_id)) is not None:
                self.room_changed(room)
        self._changed()

    async def _refresh_until_fresh(self) -> Exception | None:
        """Load the list; return why it could not be loaded."""
        while True:
            self._is_stale = False
            try:
                await self._refresh()
            except Exception as error:  # noqa: BLE001 -- the token callback may raise whatever it likes
                if not self._loading:
                    log.warning("the list of conversations is not refreshed: %s", type(error).__name__)
                self._refresh_later(FAILURE_DELAY)
                return error
            if not self._is_stale:
                return None

    def _refresh_later(self, delay: float) -> None:
        if self._timer is None and self._is_wanted:
            self._timer = asyncio.get_running_loop().call_later(delay, self._refresh_now)

    def _refresh_now(self) -> None:
        self._timer = None
        self.refresh_soon()

    async def _load_page(self, cursor: str | None) -> JsonObject:
        query = {"limit": PAGE, "cursor": cursor}
        page, history_id = await self._chat.api.get_with_history("/conversations", query)
        self._rows.load(page, history_id)
        return page

    def _changed(self) -> None:
        """Notify of a change, if there is one."""
        rows = self.rows
        state = (self.is_loaded, self.total_unread, rows)
        if state != self._shown:
            self._shown = state
            self._chat.link.core.watch({row.conversation_id: row.head for row in rows[:WATCHED]})
            self.changes.emit()
