"""The conversations of a deployment, as a service sees them: all of them, or those of one participant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core.kernel import paging
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol import serializers

if TYPE_CHECKING:
    from chalicelib.core.protocol.objects import Conversation
    from chalicelib.core.protocol.queries import ServiceConversationsQuery


class Overview:
    """Lists conversations in the order of their creation."""

    def __init__(
        self, *, conversations: ConversationStore, event_log: EventLogStore, memberships: MembershipStore
    ) -> None:
        self._conversations = conversations
        self._event_log = event_log
        self._memberships = memberships

    def list(self, query: ServiceConversationsQuery) -> dict[str, Any]:
        """Return a page of live conversations, which can have fewer than the limit. Raises ValidationFailed."""
        position = "" if query.cursor is None else str(paging.decode(query.cursor, str)[0])
        found = self._found_after(position, query.participant_id, query.limit + 1)
        page = [*found][: query.limit]
        next_key = page[-1] if len(found) > len(page) else None
        summaries = self._summaries(page)
        for summary in summaries:
            member = found[summary["conversation_id"]]
            if member is not None and member.other is not None:
                summary["other"] = serializers.other_participant(member.other)
        return paging.page("conversations", summaries, next_key)

    def _found_after(
        self, position: str, participant_id: str | None, limit: int
    ) -> Mapping[str, Membership | None]:
        """Return the ids of conversations in their order, each with the membership of a participant."""
        if participant_id is None:
            return dict.fromkeys(self._conversations.created_after(position, limit))
        members = self._memberships.memberships_after(participant_id, position, limit)
        return {member.conversation_id: member for member in members}

    def _summaries(self, conversation_ids: Sequence[str]) -> Sequence[Conversation]:
        heads = self._event_log.heads(conversation_ids) if conversation_ids else {}
        live = [heads[name] for name in conversation_ids if name in heads and _is_live(heads[name])]
        details = self._conversations.details_of([head.conversation_id for head in live])
        return [
            serializers.conversation(head, details[head.conversation_id])
            for head in live
            if head.conversation_id in details
        ]


def _is_live(head: Head) -> bool:
    return head.state is ConversationState.LIVE
