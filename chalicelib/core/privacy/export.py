"""Taking one's data out, page by page: all conversations one is or was in, and all one's own messages there.

The order is that of the conversations' ids, and in each one that of its log from the beginning, so that it does
not matter what happens between two pages. Nothing that others said is in it, and of a conversation that one has
left nothing but the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.core.kernel import json_codec, paging
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.model.events import Event
from chalicelib.core.model.privacy import DataLocation
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.privacy import ErasureStore

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import ExportQuery

EVENTS_PER_PAGE = 1_000
"""Events that are gone through for a page, whoever they are of: what takes a second or two."""
MAX_PAGE_BYTES = 2 * 1024 * 1024
"""An answer of a Lambda function may have 6 MB (quotas), in which our JSON stands escaped once more."""
_MEMBERS_ONLY_FIELDS = ("reactions", "version")
"""What is told of a message only to who is in its conversation."""


class Export:
    """A participant's data."""

    def __init__(self, erasures: ErasureStore, store: ConversationStore) -> None:
        self._erasures = erasures
        self._store = store

    def page(self, caller: Principal, query: ExportQuery) -> dict[str, Any]:
        """The next page, with the cursor of the one after it unless it is the last."""
        begin_with, after = "", 0
        if query.cursor is not None:
            where, position = paging.decode(query.cursor, str, int)
            begin_with, after = str(where), int(position)
        page = _Page(caller)
        for place in self._erasures.data_locations(caller.participant_id):
            where = place.conversation_id
            if where < begin_with:
                continue
            if page.is_full:
                return page.until(where, 0)
            stopped_at = self._conversation(page, place, after if where == begin_with else 0)
            if stopped_at is not None:
                return page.until(where, stopped_at)
        return page.answer

    def _conversation(self, page: _Page, place: DataLocation, after: int) -> int | None:
        """Add what there is of one conversation; where to go on, None at its end."""
        where = place.conversation_id
        head = self._store.head(where)
        if head is None or head.state is ConversationState.DELETED:
            return None
        if not after:
            page.answer["conversations"].append(self._summary(page.caller, place, head))
        position = after
        for logged in self._store.events(where, after + 1, head.sequence_id):
            event = logged.event
            # A hole is a commit that is just being made: it comes with the next page.
            if page.is_full or event["sequence_id"] != position + 1:
                return position
            if not page.take(logged.current if place.is_member else _for_past_member(logged.current)):
                return position
            position = event["sequence_id"]
        return None if position >= head.sequence_id else position

    def _summary(self, caller: Principal, place: DataLocation, head: Head) -> dict[str, Any]:
        where = place.conversation_id
        member = self._store.membership(where, caller.participant_id) if place.is_member else None
        info = self._store.details(where) if member is not None else None
        if member is None or info is None or head.state is not ConversationState.LIVE:
            return {"conversation_id": where, "is_participant": False}
        return {
            "conversation_id": where,
            "is_participant": True,
            "title": info.title,
            "created_at": rfc3339(info.created_at),
            "name": member.name,
            "role": member.role,
            "joined_at": rfc3339(member.joined_at),
            "read_up_to": member.read_up_to,
        }


class _Page:
    """What a page holds so far."""

    def __init__(self, caller: Principal) -> None:
        self.caller = caller
        self.answer: dict[str, Any] = {
            "participant": {"participant_id": caller.participant_id},
            "conversations": [],
            "messages": [],
        }
        self._left = EVENTS_PER_PAGE
        self._room = MAX_PAGE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be looked at."""
        return self._left <= 0

    def take(self, event: Event) -> bool:
        """Look at an event, and keep it if it is a message of the caller's; False if there is no room for it."""
        self._left -= 1
        if event["type"] == "message" and event["sender"]["participant_id"] == self.caller.participant_id:
            size = json_codec.size(event)
            if size > self._room and self.answer["messages"]:
                return False
            self._room -= size
            self.answer["messages"].append(event)
        return True

    def until(self, conversation_id: str, position: int) -> dict[str, Any]:
        """The page, which goes on there."""
        return self.answer | {"next_cursor": paging.encode(conversation_id, position)}


def _for_past_member(event: Event) -> Event:
    return {name: value for name, value in event.items() if name not in _MEMBERS_ONLY_FIELDS}
