"""The rows of the list of conversations: pages of the list, merged with the frames of the feed.

Pages and frames overtake each other, so each part of a row is of the highest head at which it was seen. Unread
messages are those at the last known counts, and each message after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .frames import is_newer
from .outputs import JsonObject

UNKNOWN_DELAY = 1.0
"""After how many seconds to fetch the first page for a conversation that is not loaded: others may follow."""


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
    """The newest message; long texts may be cut, and then have `truncated: true`."""
    direct: bool = False
    """Whether it is the direct conversation with another participant: then the title is empty."""
    other: JsonObject | None = None
    """The other participant of a direct conversation: `participant_id`, `name`, `type`, perhaps `avatar_url`."""
    message_count: int = 0
    pinned: bool = False
    archived: bool = False
    """Whether its unread messages do not count in the total."""

    @property
    def name(self) -> str:
        """The title, or the name of the other participant of a direct conversation, or nothing."""
        return self.title or str((self.other or {}).get("name") or "")

    @property
    def latest(self) -> str:
        """The time by which rows are sorted."""
        return self.last_message["created_at"] if self.last_message else self.created_at


@dataclass(slots=True)
class _Entry:
    row: Row
    counted: int
    """The number of messages at which `unread` was counted."""
    unread: int
    counted_at: int
    """The head at which it was."""
    title_head: int
    message_head: int


class Rows:
    """Each method returns after how many seconds to fetch the first page of the list again; None: not at all."""

    def __init__(self) -> None:
        self.total_unread = 0
        """Unread messages in all conversations that are not archived, whether their rows are loaded or not."""
        self._entries: dict[str, _Entry] = {}
        self._history_id: str | None = None

    def __getitem__(self, conversation_id: str) -> Row:
        """Return a row. Raises KeyError if it is not loaded."""
        return self._entries[conversation_id].row

    def __contains__(self, conversation_id: str) -> bool:
        """Return whether a row is loaded."""
        return conversation_id in self._entries

    def sorted(self) -> list[Row]:
        """Return all rows: pinned ones first, then latest message first."""
        rows = [entry.row for entry in self._entries.values()]
        return sorted(rows, key=lambda row: (row.pinned, row.latest), reverse=True)

    def load(self, page: JsonObject, history_id: str | None) -> None:
        """Take over a page of the list; one of an older history has no effect."""
        if history_id is not None and history_id != self._history_id:
            if not is_newer(history_id, self._history_id):
                return
            self._history_id = history_id
            self._entries.clear()
        for conversation in page["conversations"]:
            self._merge(conversation)
        self.total_unread = page.get("total_unread", self.total_unread)

    def keep(self, conversations: set[str]) -> None:
        """Forget all other rows: they are on no page any more."""
        for conversation_id in self._entries.keys() - conversations:
            del self._entries[conversation_id]

    def apply(self, frame: JsonObject, participant_id: str | None) -> float | None:
        """Apply a frame about the list."""
        history_id = frame.get("history_id")
        if history_id is not None and self._history_id is not None and history_id != self._history_id:
            return 0.0 if is_newer(history_id, self._history_id) else None
        match frame["type"]:
            case "activity":
                return self._show_activity(frame)
            case "read" if frame["participant_id"] == participant_id:
                return self._read(frame)
            case "read_ack":
                self._confirm(frame)
            case "personal_state":
                self._set_personal_state(frame["conversation_id"], frame["me"])
            case "conversation_added":
                self._merge(frame["conversation"])
                return 0.0
            case "conversation_removed" | "conversation_deleted":
                self._remove(frame["conversation_id"])
                return 0.0
            case "welcome":
                return 0.0
        return None

    def follow(
        self,
        conversation_id: str,
        events: Sequence[JsonObject],
        read_up_to: int,
        unread_count: int,
        last_message: JsonObject | None,
    ) -> None:
        """Take over the state of an open conversation, whose view has these events after the head of its row."""
        entry = self._entries[conversation_id]
        row = entry.row
        head = max(row.head, *(event["sequence_id"] for event in events)) if events else row.head
        count = row.message_count + sum(event["type"] == "message" for event in events)
        titles = [event["title"] for event in events if "title" in event]
        title = row.title
        if titles:
            title, entry.title_head = titles[-1], head
        if last_message is not None:
            entry.message_head = head
        entry.counted, entry.unread, entry.counted_at = count, unread_count, head
        row = replace(row, title=title, last_message=last_message or row.last_message)
        self._change(entry, replace(row, head=head, message_count=count, read_up_to=read_up_to))

    def _merge(self, conversation: JsonObject) -> None:
        row = _row(conversation)
        entry = self._entries.get(row.conversation_id)
        if entry is None:
            counts = (row.message_count, row.unread_count, row.head)
            self._entries[row.conversation_id] = _Entry(row, *counts, row.head, row.head)
            self.total_unread += 0 if row.archived else row.unread_count
            return
        shown = entry.row
        self._count(entry, row.head, row.read_up_to, row.message_count, row.unread_count)
        if row.head < entry.title_head:
            row = replace(row, title=shown.title)
        if row.head < entry.message_head:
            row = replace(row, last_message=shown.last_message)
        entry.title_head, entry.message_head = max(row.head, entry.title_head), max(row.head, entry.message_head)
        head, count = max(row.head, shown.head), max(row.message_count, shown.message_count)
        read_up_to = max(row.read_up_to, shown.read_up_to)
        self._change(entry, replace(row, head=head, message_count=count, read_up_to=read_up_to))

    def _show_activity(self, frame: JsonObject) -> float | None:
        entry = self._entries.get(frame["conversation_id"])
        if entry is None:
            return UNKNOWN_DELAY
        row, head = entry.row, frame["head"]
        if "title" in frame and head >= entry.title_head:
            row, entry.title_head = replace(row, title=frame["title"]), head
        if "last_message" in frame and head >= entry.message_head:
            row, entry.message_head = replace(row, last_message=frame["last_message"]), head
        count = max(row.message_count, frame["message_count"])
        self._change(entry, replace(row, head=max(row.head, head), message_count=count))
        return None

    def _read(self, frame: JsonObject) -> float | None:
        entry = self._entries.get(frame["conversation_id"])
        if entry is None:
            return UNKNOWN_DELAY  # the total has changed
        row = entry.row
        if "head" in frame:
            head, read_up_to, count = frame["head"], frame["read_up_to"], frame["message_count"]
            self._count(entry, head, read_up_to, count, frame["unread_count"])
            heads = {"head": max(row.head, head), "message_count": max(row.message_count, count)}
        elif frame["sequence_id"] >= row.head:
            read_up_to, heads = frame["sequence_id"], {}
            self._count(entry, row.head, read_up_to, row.message_count, 0)
        else:
            return 0.0
        self._change(entry, replace(row, read_up_to=max(row.read_up_to, read_up_to), **heads))
        return None

    def _confirm(self, ack: JsonObject) -> None:
        """Take over what the server counts after an own mark; the conversation may be closed by now."""
        entry = self._entries.get(ack.get("conversation_id", ""))
        if entry is not None and ack["read_up_to"] > entry.row.read_up_to:
            row, read_up_to = entry.row, ack["read_up_to"]
            self._count(entry, row.head, read_up_to, row.message_count, ack["unread_count"])
            self._change(entry, replace(row, read_up_to=read_up_to))

    def _count(self, entry: _Entry, head: int, read_up_to: int, message_count: int, unread_count: int) -> None:
        """Count from here on, unless these counts are older than those that are known."""
        if (read_up_to, head) >= (entry.row.read_up_to, entry.counted_at):
            entry.counted, entry.unread, entry.counted_at = message_count, unread_count, head

    def _set_personal_state(self, conversation_id: str, state: JsonObject) -> None:
        if (entry := self._entries.get(conversation_id)) is not None:
            self._change(entry, replace(entry.row, pinned=state["pinned"], archived=state["archived"]))

    def _remove(self, conversation_id: str) -> None:
        if (entry := self._entries.pop(conversation_id, None)) is not None:
            self.total_unread -= _counted(entry.row)

    def _change(self, entry: _Entry, row: Row) -> None:
        unread = entry.unread + max(0, row.message_count - entry.counted)
        before, entry.row = entry.row, replace(row, unread_count=unread)
        self.total_unread += _counted(entry.row) - _counted(before)


def _counted(row: Row) -> int:
    return 0 if row.archived else row.unread_count


def _row(conversation: JsonObject) -> Row:
    state = conversation.get("me") or {}
    return Row(
        conversation_id=conversation["conversation_id"],
        title=conversation.get("title") or "",
        unread_count=conversation.get("unread_count") or 0,
        read_up_to=conversation.get("read_up_to") or 0,
        head=conversation.get("head") or 0,
        created_at=conversation.get("created_at") or "",
        last_message=conversation.get("last_message"),
        direct=conversation.get("direct") is True,
        other=conversation.get("other"),
        message_count=conversation.get("message_count") or 0,
        pinned=state.get("pinned") is True,
        archived=state.get("archived") is True,
    )
