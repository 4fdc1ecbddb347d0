"""Reading a conversation: messages, reactions, the log itself, and the read pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.own_reactions import OwnReactions
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.errors import Blocked, NotFound, ValidationFailed
from chalicelib.core.log.positions import Positions
from chalicelib.core.log.reading import MAX_RESPONSE_BYTES, LogReader, take_within_budget
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.read_pointers import unread_count
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol import serializers
from chalicelib.core.protocol.frames import own_read_push, read_push
from chalicelib.core.realtime.outbox import Push, Result, pushes_of_read_pointer

if TYPE_CHECKING:
    from chalicelib.core.protocol.queries import EventsQuery, MessagesQuery, ReactionsQuery


class History:
    """Shows messages and events to members, and moves their read pointers."""

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        memberships: MembershipStore,
        access: Access,
        log_reader: LogReader,
        own_reactions: OwnReactions,
        positions: Positions,
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._access = access
        self._log_reader = log_reader
        self._own_reactions = own_reactions
        self._positions = positions

    def messages(self, caller: Principal, conversation_id: str, query: MessagesQuery) -> dict[str, Any]:
        """Return a page of messages in their current form.

        Raises NotFound, ValidationFailed, PositionUnknown, Unavailable.
        """
        if query.before is not None and query.after is not None:
            raise ValidationFailed.at("after", "cannot be given together with before")
        self._positions.require_not_newer(query.history_id)
        head, _ = self._access.require_member_and_head(conversation_id, caller)
        self._positions.require_known(head, query.after, query.history_id)
        if query.after is not None:
            page = self._log_reader.messages_after(head, query.after, query.limit)
        else:
            page = self._log_reader.messages_before(head, query.before, query.limit)
        shown = self._own_reactions.mark(caller, page.events)
        self._access.require_member(conversation_id, caller)
        messages = take_within_budget(shown, MAX_RESPONSE_BYTES, newest=query.after is None)
        is_cut = len(messages) < len(page.events)
        answer: dict[str, Any] = {"messages": messages, "has_more": page.has_more or is_cut}
        if answer["has_more"]:
            first, last = (
                (messages[0]["sequence_id"], messages[-1]["sequence_id"]) if is_cut else 2 * (page.position,)
            )
            answer |= {"next_before": first} if query.after is None else {"next_after": last}
        return answer

    def shown_to(self, caller: Principal, message: Event) -> Event:
        """Return a message in its current form as the caller sees it, with the caller's reactions marked."""
        return self._own_reactions.mark(caller, [message])[0]

    def reactions(
        self, caller: Principal, conversation_id: str, target: int, query: ReactionsQuery
    ) -> dict[str, Any]:
        """Return a page of reactions to a message, empty if it is deleted. Raises NotFound, ValidationFailed."""
        after = paging.start_key(query.cursor)
        self._access.require_member_and_head(conversation_id, caller)
        message = self._event_log.event(conversation_id, target)
        reactions, next_key = self._event_log.reactions(
            conversation_id, target, emoji=query.emoji, after=after, limit=query.limit
        )
        self._access.require_member(conversation_id, caller)
        if message is None or message.event["type"] != "message":
            raise NotFound
        if message.deleted_by:
            return paging.page("reactions", [], None)
        return paging.page(
            "reactions", [serializers.reaction_detail(reaction) for reaction in reactions], next_key
        )

    def events(self, caller: Principal, conversation_id: str, query: EventsQuery) -> dict[str, Any]:
        """Return a page of the log as it was appended. Raises NotFound, PositionUnknown, Unavailable."""
        self._positions.require_not_newer(query.history_id)
        head, _ = self._access.require_member_and_head(conversation_id, caller)
        self._positions.require_known(head, query.after, query.history_id)
        page = self._log_reader.events_after(head, query.after, query.limit)
        self._access.require_member(conversation_id, caller)
        events = take_within_budget(page.events, MAX_RESPONSE_BYTES)
        has_more = page.has_more or len(events) < len(page.events)
        answer = {"events": events, "head": page.head, "has_more": has_more}
        return {**answer, "next_after": query.after + len(events)} if has_more else answer

    def read(
        self, caller: Principal, conversation_id: str, sequence_id: int, *, connection_id: str | None = None
    ) -> Result:
        """Move the caller's read pointer forward; no-op if it is there or beyond.

        The push reaches the subscribers, and all connections of the caller but `connection_id`.

        Raises:
            NotFound, ValidationFailed: the pointer did not move.
            Blocked: nor did it in a direct conversation, as the caller blocks the other participant, who would see
                it.
        """
        head, member = self._access.require_member_and_head(conversation_id, caller)
        if sequence_id > head.sequence_id:
            raise ValidationFailed.at("sequence_id", "must not be beyond the head of the conversation")
        if sequence_id <= member.read_up_to:
            return _read_result(head, member)
        if member.participant_id in head.blockers:
            raise Blocked
        event = self._event_log.event(conversation_id, sequence_id)
        if event is None:
            raise ValidationFailed.at("sequence_id", "must be the id of an event of the conversation")
        has_moved, present = self._memberships.move_read_pointer(
            member, sequence_id, event.message_count, caller.as_actor(member)
        )
        if present is None:
            raise NotFound
        if not has_moved:
            return _read_result(head, present)
        return _read_result(head, present, self._pushes(head, present, connection_id))

    def _pushes(self, head: Head, member: Membership, connection_id: str | None) -> list[Push]:
        frame = read_push(head.conversation_id, member.participant_id, member.read_up_to)
        return pushes_of_read_pointer(frame, own_read_push(head, member), head.excluded, connection_id)


def _read_result(head: Head, member: Membership, pushes: Sequence[Push] = ()) -> Result:
    return Result({"read_up_to": member.read_up_to, "unread_count": unread_count(head, member)}, pushes)
