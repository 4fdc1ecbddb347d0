"""The user's conversations, latest message first, with unread counts.

The server has no feed of all conversations yet. The list reads its first page when the connection opens and when a
conversation is added or removed; rooms that are open change their rows at once, and the heads of other rows are
compared by each `ping`. A feed can call `apply_page`, `remove` and `update` in place of these triggers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .changes import Changes, log
from .core.outputs import JsonObject
from .errors import ChatError

if TYPE_CHECKING:
    from .chat import Chat
    from .room import Room

PAGE = 50
WATCHED = 100
"""How many rows are compared by `ping`."""
LOST = {"conversation_removed", "conversation_deleted"}


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in the list."""

    conversation_id: str
    title: str
    unread_count: int
    read_up_to: int
    head: int
    created_at: str
    last_message: JsonObject | None = None
    direct: bool = False
    """Whether it is the direct conversation with another participant: then the title is empty."""
    other: JsonObject | None = None
    """The other participant of a direct conversation: `participant_id`, `name`, `type`, perhaps `avatar_url`."""

    @property
    def latest(self) -> str:
        """The time by which rows are sorted."""
        return self.last_message["created_at"] if self.last_message else self.created_at


class ConversationList:
    """`async for rows in chat.conversations.changes` yields the rows after each change."""

    def __init__(self, chat: Chat) -> None:
        self.changes: Changes[list[Row]] = Changes(lambda: self.rows)
        self.is_loaded = False
        """Whether the first page is there."""
        self.has_more = False
        """Whether `load_more` brings further rows."""
        self.added: list[Callable[[str], object]] = []
        """Functions that are called with the id of each conversation that the user is added to."""
        self._chat = chat
        self._rows: dict[str, Row] = {}
        self._cursor: str | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._is_wanted = False
        self._is_stale = False

    @property
    def rows(self) -> list[Row]:
        """All rows that are loaded, latest message first."""
        return sorted(self._rows.values(), key=lambda row: row.latest, reverse=True)

    async def load(self) -> list[Row]:
        """Return the rows when the first page is there, and keep them up to date from here on.

        Raises:
            RefusedError: The server refuses the request, for instance because of the token.
            UnavailableError: The server does not answer.
        """
        self._is_wanted = True
        await self._refresh()
        return self.rows

    async def load_more(self) -> bool:
        """Load the next page; return whether there was one."""
        if not self.has_more:
            return False
        page = await self._chat.api.get("/conversations", {"limit": PAGE, "cursor": self._cursor})
        self._merge(page["conversations"])
        self._take_cursor(page)
        self._changed()
        return True

    def refresh_soon(self) -> None:
        """Read the first page again; call it when the list comes into focus. Calls in a row are one request."""
        if not self._is_wanted:
            return
        if self._refreshing is not None and not self._refreshing.done():
            self._is_stale = True
            return
        self._refreshing = asyncio.get_running_loop().create_task(self._refresh_until_fresh())

    async def close(self) -> None:
        """End the requests."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    def apply_page(self, page: JsonObject) -> None:
        """Take over the first page of the list."""
        if page.get("next_cursor") is None:
            self._rows.clear()
        self._merge(page["conversations"])
        if not self.is_loaded or page.get("next_cursor") is None:
            self._take_cursor(page)
        self.is_loaded = True
        self._changed()

    def update(self, conversation_id: str, **fields: Any) -> None:
        """Change fields of a row, if there is one."""
        row = self._rows.get(conversation_id)
        if row is not None and (changed := replace(row, **fields)) != row:
            self._rows[conversation_id] = changed
            self._changed()

    def remove(self, conversation_id: str) -> None:
        """Remove a row."""
        if self._rows.pop(conversation_id, None) is not None:
            self._changed()

    def pushed(self, frame: JsonObject) -> None:
        """Apply a frame about the list."""
        match frame["type"]:
            case "conversation_added":
                self._merge([frame["conversation"]])
                for handler in list(self.added):
                    handler(frame["conversation"]["conversation_id"])
                self._changed()
                self.refresh_soon()
            case kind if kind in LOST:
                self.remove(frame["conversation_id"])
                self.refresh_soon()
            case "read":
                self._read_elsewhere(frame)

    def compare(self, heads: Mapping[str, int], missing: Collection[str]) -> None:
        """Refresh if a row that is not open has a lower head than the server, or does not exist any more."""
        shown = {key: row for key, row in self._rows.items() if self._chat.opened(key) is None}
        if any(head > shown[key].head for key, head in heads.items() if key in shown) or set(missing) & set(shown):
            self.refresh_soon()

    def room_changed(self, room: Room) -> None:
        """Take over the state of an open conversation."""
        if room.ended is not None or not room.is_loaded or room.id not in self._rows:
            return
        sent = [
            message for message in self._chat.link.core.events(room.id)[-PAGE:] if message["type"] == "message"
        ]
        fields: dict[str, Any] = {"unread_count": room.unread_count, "read_up_to": room.read_up_to}
        if sent:
            fields["last_message"] = sent[-1]
        self.update(room.id, head=room.position, **fields)

    async def _refresh(self) -> None:
        self.apply_page(await self._chat.api.get("/conversations", {"limit": PAGE}))

    async def _refresh_until_fresh(self) -> None:
        while True:
            self._is_stale = False
            try:
                await self._refresh()
            except ChatError as error:
                log.warning("the list of conversations is not refreshed: %s", type(error).__name__)
                return
            if not self._is_stale:
                return

    def _merge(self, conversations: Iterable[JsonObject]) -> None:
        for entry in conversations:
            self._rows[entry["conversation_id"]] = _row(entry)

    def _take_cursor(self, page: JsonObject) -> None:
        self._cursor = page.get("next_cursor")
        self.has_more = self._cursor is not None

    def _read_elsewhere(self, frame: JsonObject) -> None:
        row = self._rows.get(frame["conversation_id"])
        me = (self._chat.participant or {}).get("participant_id")
        if row is not None and frame["participant_id"] == me and self._chat.opened(row.conversation_id) is None:
            if frame["sequence_id"] >= row.head:
                self.update(row.conversation_id, read_up_to=frame["sequence_id"], unread_count=0)
            else:
                self.refresh_soon()

    def _changed(self) -> None:
        if self._is_wanted:
            self._chat.link.core.watch({row.conversation_id: row.head for row in self.rows[:WATCHED]})
        self.changes.emit()


def _row(entry: JsonObject) -> Row:
    return Row(
        conversation_id=entry["conversation_id"],
        title=entry.get("title") or "",
        unread_count=entry.get("unread_count") or 0,
        read_up_to=entry.get("read_up_to") or 0,
        head=entry.get("head") or 0,
        created_at=entry.get("created_at") or "",
        last_message=entry.get("last_message"),
        direct=entry.get("direct") is True,
        other=entry.get("other"),
    )
