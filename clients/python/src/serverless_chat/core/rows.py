"""The rows of the list of conversations: pages of the list, merged with the frames of the feed.

Pages and frames overtake each other, so each part of a row is of the highest head at which it was seen. Unread
messages are those at the last known counts, and each message after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .frames import is_newer
from .outputs import JsonObject
from .row import Row, row_of

UNKNOWN_DELAY = 1.0
"""After how many seconds to fetch the first page for a conversation that is not loaded: others may follow."""


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
    whole: int
    """Up to where no part is missing: by a page, or by the open room. A frame of the feed has one part only."""


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

    def is_of(self, history_id: str | None) -> bool:
        """Return whether the rows are those of a history."""
        return self._history_id in {None, history_id}

    def whole(self, conversation_id: str) -> int:
        """Return up to which event no part of a row is missing. Raises KeyError if it is not loaded."""
        return self._entries[conversation_id].whole

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
        newer = sum(self._merge(conversation) for conversation in page["conversations"])
        if "total_unread" in page:
            self.total_unread = page["total_unread"] + newer

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
            case "events" | "subscribed" | "sync" | "read_ack":
                return self._look_for_more(frame)
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
        is_whole: bool = True,
    ) -> None:
        """Take over the state of an open conversation: these are the last events of its view.

        They are all after the head of its row; if `is_whole`, also those before that the row has not as a whole.
        """
        entry = self._entries[conversation_id]
        row = entry.row
        head = max(row.head, *(event["sequence_id"] for event in events)) if events else row.head
        added = [event for event in events if event["sequence_id"] > row.head]
        count = row.message_count + sum(event["type"] == "message" for event in added)
        title = [row.title, *(event["title"] for event in events if "title" in event)][-1]
        if is_whole:
            entry.title_head = entry.whole = head
        if last_message is not None:
            entry.message_head = head
        read_up_to = self._count(entry, head, read_up_to, count, unread_count)
        row = replace(row, title=title, last_message=last_message or row.last_message)
        self._change(entry, replace(row, head=head, message_count=count, read_up_to=read_up_to))

    def _merge(self, conversation: JsonObject) -> int:
        """Return how many more messages are unread than there: frames have overtaken it."""
        row = row_of(conversation)
        counted = _counted(row)
        entry = self._entries.get(row.conversation_id)
        if entry is None:
            counts = (row.message_count, row.unread_count, row.head)
            self._entries[row.conversation_id] = _Entry(row, *counts, row.head, row.head, row.head)
            self.total_unread += counted
            return 0
        shown = entry.row
        read_up_to = self._count(entry, row.head, row.read_up_to, row.message_count, row.unread_count)
        if row.head < entry.title_head:
            row = replace(row, title=shown.title)
        if row.head < entry.message_head:
            row = replace(row, last_message=shown.last_message)
        entry.title_head, entry.message_head = max(row.head, entry.title_head), max(row.head, entry.message_head)
        entry.whole = max(row.head, entry.whole)
        head, count = max(row.head, shown.head), max(row.message_count, shown.message_count)
        self._change(entry, replace(row, head=head, message_count=count, read_up_to=read_up_to))
        return _counted(entry.row) - counted

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
            head, count = frame["head"], frame["message_count"]
            read_up_to = self._count(entry, head, frame["read_up_to"], count, frame["unread_count"])
            heads = {"head": max(row.head, head), "message_count": max(row.message_count, count)}
        elif frame["sequence_id"] >= row.head:
            read_up_to, heads = frame["sequence_id"], {}
            self._count(entry, row.head, read_up_to, row.message_count, 0)
        else:
            return 0.0
        self._change(entry, replace(row, read_up_to=read_up_to, **heads))
        return UNKNOWN_DELAY if frame["sequence_id"] > read_up_to else None  # an older head has a newer mark

    def _look_for_more(self, frame: JsonObject) -> float | None:
        """Compare the row with the events, the head or the read mark in a frame, which its room may not have."""
        events = frame.get("events", [])
        entry = self._entries.get(frame["conversation_id"])
        if entry is None:
            is_missing = any(event["type"] == "message" for event in events)
        else:
            head = frame.get("head", events[-1]["sequence_id"] if events else 0)
            is_missing = head > entry.whole or frame.get("read_up_to", 0) > entry.row.read_up_to
        return UNKNOWN_DELAY if is_missing else None

    def _count(self, entry: _Entry, head: int, read_up_to: int, message_count: int, unread_count: int) -> int:
        """Count from here on, unless these counts are older than those that are known; return the read mark."""
        if (head, read_up_to) < (entry.counted_at, entry.row.read_up_to):
            return entry.row.read_up_to
        entry.counted, entry.unread, entry.counted_at = message_count, unread_count, head
        return read_up_to

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
