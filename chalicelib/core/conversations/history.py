"""Reading a conversation: history, the raw log, and how far one has read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.conversations.conversations import Conversations
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.errors import NotFound, ValidationFailed
from chalicelib.core.log.log import Log, Page, take_within_budget
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.protocol import frames
from chalicelib.core.realtime.outbox import Result, ToSubscribers

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import EventsQuery, MessagesQuery, ReactionsQuery

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""A Lambda function may answer with 6 MB (quotas), in which our JSON stands escaped once more."""


class History:
    """What a participant can read, and their read pointer."""

    def __init__(self, store: ConversationStore, conversations: Conversations, log: Log) -> None:
        self._store = store
        self._conversations = conversations
        self._log = log

    def messages(self, caller: Principal, conversation_id: str, query: MessagesQuery) -> dict[str, object]:
        """A page of history."""
        if query.before is not None and query.after is not None:
            raise ValidationFailed.at("after", "cannot be given together with before")
        head, _ = self._conversations.require_member_and_head(conversation_id, caller)
        newest = query.after is None
        if query.after is not None:
            page = self._log.messages_after(head, query.after, query.limit)
        else:
            page = self._log.messages_before(head, query.before, query.limit)
        self._conversations.require_member(conversation_id, caller)
        messages = take_within_budget(page.events, MAX_RESPONSE_BYTES, newest=newest)
        return {"messages": messages, "has_more": page.has_more or len(messages) < len(page.events)}

    def reactions(
        self, caller: Principal, conversation_id: str, target: int, query: ReactionsQuery
    ) -> dict[str, object]:
        """Who reacted to a message, and with what. Nobody, once it is deleted."""
        after = paging.start_key(query.cursor)
        self._conversations.require_member_and_head(conversation_id, caller)
        message = self._store.event(conversation_id, target)
        found, following = self._store.reactions(
            conversation_id, target, emoji=query.emoji, after=after, limit=query.limit
        )
        self._conversations.require_member(conversation_id, caller)
        if message is None or message.event["type"] != "message":
            raise NotFound
        if message.deleted_by:
            return {"reactions": []}
        return paging.page("reactions", [frames.reaction_detail(each) for each in found], following)

    def events(self, caller: Principal, conversation_id: str, query: EventsQuery) -> dict[str, object]:
        """A page of the raw log."""
        head, _ = self._conversations.require_member_and_head(conversation_id, caller)
        page = self._log.after(head, query.after, query.limit)
        self._conversations.require_member(conversation_id, caller)
        return self._answer(page, MAX_RESPONSE_BYTES)

    def _answer(self, page: Page, budget: int) -> dict[str, object]:
        events = take_within_budget(page.events, budget)
        return {
            "events": events,
            "head": page.head,
            "has_more": page.has_more or len(events) < len(page.events),
        }

    def read(
        self, caller: Principal, conversation_id: str, sequence_id: int, *, connection_id: str | None = None
    ) -> Result:
        """Move the caller's read pointer forward; it never goes back."""
        head, member = self._conversations.require_member_and_head(conversation_id, caller)
        if sequence_id > head.sequence_id:
            raise ValidationFailed.at("sequence_id", "must not be beyond the head of the conversation")
        read_up_to, read_messages = member.read_up_to, member.read_message_count
        pushes = []
        if sequence_id > read_up_to:
            found = self._store.event(conversation_id, sequence_id)
            if found is None:
                raise ValidationFailed.at("sequence_id", "must be the id of an event of the conversation")
            if self._store.move_read_pointer(member, sequence_id, found.message_count):
                read_up_to, read_messages = sequence_id, found.message_count
                frame = frames.read_push(conversation_id, caller.participant_id, sequence_id)
                pushes.append(
                    ToSubscribers(conversation_id, frame, head.departed, exclude_connection=connection_id)
                )
            else:
                member = self._conversations.require_member(conversation_id, caller)
                read_up_to, read_messages = member.read_up_to, member.read_message_count
        unread = max(head.message_count - read_messages, 0)
        return Result({"read_up_to": read_up_to, "unread_count": unread}, pushes)
