"""Conversations as their members see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.own_reactions import OwnReactions
from chalicelib.core.conversations.prices import stored_price
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.reading import LogReader
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationDetails, ConversationState, Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.read_pointers import unread_count
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.rate_limits import Charge
from chalicelib.core.protocol import serializers
from chalicelib.core.realtime.outbox import Push, Result
from chalicelib.core.realtime.presence import Presence

if TYPE_CHECKING:
    from chalicelib.core.protocol.objects import Conversation, ParticipantView
    from chalicelib.core.protocol.queries import ConversationsQuery

LATEST_MESSAGES = 50
_QUERIES_PER_PAGE = 4
"""Of a list by creation, which hides some conversations: a page can be short, or empty, and have a cursor."""
_PINNED = 10**15
"""More than any time in milliseconds before the year 33000: pinned conversations come first in the list."""


class Views:
    """Shows conversations to their members."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        event_log: EventLogStore,
        memberships: MembershipStore,
        access: Access,
        log_reader: LogReader,
        presence: Presence,
        own_reactions: OwnReactions,
        charge: Charge,
        runtime: Runtime,
    ) -> None:
        self._conversations = conversations
        self._event_log = event_log
        self._memberships = memberships
        self._access = access
        self._log_reader = log_reader
        self._presence = presence
        self._own_reactions = own_reactions
        self._charge = charge
        self._clock = runtime.clock
        self._gather = runtime.gather

    def participants(self, head: Head) -> list[ParticipantView]:
        """Return all participants in the order in which they joined, with presence and read pointers."""
        roster, online = self._gather(
            lambda: self._present_members(head.conversation_id),
            lambda: self._presence.online(head),
        )
        now = milliseconds(self._clock)
        members = [permissions.without_expired_mute(member, now) for member in roster]
        return [serializers.participant_view(member, online=member.participant_id in online) for member in members]

    def _present_members(self, conversation_id: str) -> Sequence[Membership]:
        """Return the roster, with names, types and read pointers from the memberships, which members change.

        Those of members who left since are as in the roster, with the pointer 0.
        """
        roster = self._memberships.roster(conversation_id)
        members = self._memberships.memberships_in(conversation_id, [member.participant_id for member in roster])
        return [
            replace(entry, name=member.name, type=member.type, read_up_to=member.read_up_to)
            if (member := members.get(entry.participant_id))
            else entry
            for entry in roster
        ]

    def view(self, conversation_id: str, caller: Principal, *, messages: bool = False) -> Conversation:
        """Return a conversation with its participants, and its newest messages if asked for. Raises NotFound."""
        head, _ = self._access.require_member_and_head(conversation_id, caller)
        details, participants, newest = self._gather(
            lambda: self._conversations.details(conversation_id),
            lambda: self.participants(head),
            lambda: self._log_reader.messages_before(head, None, LATEST_MESSAGES if messages else 1),
        )
        events = newest.events or (self._last_message(head) if head.last_message <= newest.head else [])
        shown = self._own_reactions.mark(caller, events)
        member = self._access.require_member(conversation_id, caller)
        if details is None:
            raise NotFound
        view = view_for_member(head, details, member)
        view["head"] = newest.head  # a client continues from there, with the events after a gap
        view["participants"] = participants
        if shown:
            view["last_message"] = shown[-1]
        if messages:
            view["messages"] = shown
        return view

    def _last_message(self, head: Head) -> Sequence[Event]:
        """Return the newest message, if there is one: too many other events came after it."""
        stored = self._event_log.event(head.conversation_id, head.last_message) if head.last_message else None
        return [] if stored is None else [stored.current]

    def list(self, caller: Principal, query: ConversationsQuery) -> dict[str, Any]:
        """Return a page of the caller's conversations. Raises ValidationFailed, RateLimited."""
        page = self._list_by_creation if query.order == "created" else self._list_by_activity
        return page(caller, query)

    def _list_by_creation(self, caller: Principal, query: ConversationsQuery) -> dict[str, Any]:
        """Return a page in the order of ids, which do not change; a short one if a few queries find too few."""
        position = "" if query.cursor is None else str(paging.decode(query.cursor, str)[0])
        page, more = list[Head](), False
        for _ in range(_QUERIES_PER_PAGE):
            members = self._memberships.memberships_after(caller.participant_id, position, query.limit + 1)
            read, room = members[: query.limit], query.limit - len(page)
            found = self._listed([member for member in read if query.shows(member)])
            page += found[:room]
            more = len(members) > len(read) or len(found) > room
            if read:
                position = page[-1].conversation_id if len(found) > room else read[-1].conversation_id
            if not more or len(page) == query.limit:
                break
        contents = self._contents(page, caller)
        members_now = self._memberships.memberships([head.conversation_id for head in page], caller.participant_id)
        return paging.page("conversations", contents.views(page, members_now), position if more else None)

    def _list_by_activity(self, caller: Principal, query: ConversationsQuery) -> dict[str, Any]:
        """Return a page, pinned ones first, then latest activity first, with the number of all unread messages.

        Every page reads all memberships and heads of the caller. The memberships are read again, last of all: a
        query costs less than the reads of one page by key, and `total_unread` counts no conversation that the
        caller may no longer see.
        """
        after = None if query.cursor is None else tuple(paging.decode(query.cursor, int, str))
        own = self._memberships_by_id(caller)
        self._charge(caller, stored_price("GET /conversations", len(own)))
        live = self._listed(list(own.values()))
        keys = {_activity_key(head, own[head.conversation_id]): head for head in live}
        shown = [key for key, head in keys.items() if query.shows(own[head.conversation_id])]
        remaining = sorted((key for key in shown if after is None or key < after), reverse=True)
        page = [keys[key] for key in remaining[: query.limit]]
        contents = self._contents(page, caller)
        members = self._memberships_by_id(caller)
        next_key = remaining[query.limit - 1] if len(remaining) > len(page) else None
        answer = paging.page("conversations", contents.views(page, members), next_key)
        return answer | {"total_unread": _total_unread(live, members)}

    def _memberships_by_id(self, caller: Principal) -> dict[str, Membership]:
        members = self._memberships.memberships_of(caller.participant_id)
        return {member.conversation_id: member for member in members}

    def _listed(self, members: Sequence[Membership]) -> Sequence[Head]:
        """Return the heads of the live conversations of these members that are not hidden, in their order."""
        heads = self._event_log.heads([member.conversation_id for member in members]) if members else {}
        return [
            head
            for member in members
            if (head := heads.get(member.conversation_id)) is not None
            and head.state is ConversationState.LIVE
            and not member.hides(head)
        ]

    def _contents(self, heads: Sequence[Head], caller: Principal) -> _Contents:
        """Return the contents of list entries, before the memberships are read again."""
        details, newest = self._conversations.load_summaries(heads)
        shown = self._own_reactions.mark(caller, [*newest.values()])
        return _Contents(details, {message["conversation_id"]: message for message in shown})

    def heads(self, caller: Principal, conversation_ids: Sequence[str]) -> dict[str, int]:
        """Return the newest sequence id of each of these conversations that is live and that the caller is in.

        One that is hidden because the caller blocks the other participant is left out, as in lists.
        """
        valid = list(filter(is_conversation_id, conversation_ids))
        heads = self._event_log.heads(valid) if valid else {}
        members = self._memberships.memberships([*heads], caller.participant_id) if heads else {}
        return {
            conversation_id: head.sequence_id
            for conversation_id, head in heads.items()
            if conversation_id in members
            and head.state is ConversationState.LIVE
            and caller.participant_id not in head.blockers
        }

    def respond_with_conversation(self, conversation_id: str, caller: Principal, pushes: Sequence[Push]) -> Result:
        """Return the result of a change: the conversation, or an error if the caller has just been removed."""
        try:
            return Result(self.view(conversation_id, caller), pushes)
        except NotFound as error:
            return Result(None, pushes, error)


def view_for_member(head: Head, details: ConversationDetails, member: Membership) -> Conversation:
    """Return a conversation with the member's read pointer, if any, and without participants and messages."""
    view = serializers.conversation(head, details)
    if member.is_service:
        return view
    view["read_up_to"] = member.read_up_to
    view["unread_count"] = unread_count(head, member)
    view["me"] = serializers.personal_state(member)
    if member.other is not None:
        view["other"] = serializers.other_participant(member.other)
        if head.direct == "pending":
            view["pending"] = [serializers.invitee(member, member.other)]
    return view


class _Contents(NamedTuple):
    """The details and newest messages of conversations, by conversation id."""

    details: Mapping[str, ConversationDetails]
    newest: Mapping[str, Event]

    def views(self, heads: Sequence[Head], members: Mapping[str, Membership]) -> Sequence[Conversation]:
        """Return a view of each conversation with a membership, which was read after the contents."""
        views: list[Conversation] = []
        for head in heads:
            conversation_id = head.conversation_id
            if conversation_id in members and conversation_id in self.details:
                view = view_for_member(head, self.details[conversation_id], members[conversation_id])
                if conversation_id in self.newest:
                    view["last_message"] = self.newest[conversation_id]
                views.append(view)
        return views


def _total_unread(heads: Sequence[Head], members: Mapping[str, Membership]) -> int:
    """Return how many messages are unread in the conversations that are not archived."""
    counted = ((head, members.get(head.conversation_id)) for head in heads)
    return sum(unread_count(head, member) for head, member in counted if member and not member.archived)


def _activity_key(head: Head, member: Membership) -> tuple[int | str, ...]:
    return head.active_at + _PINNED * member.pinned, head.conversation_id
