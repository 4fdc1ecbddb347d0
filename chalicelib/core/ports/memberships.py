"""Memberships: the participants of a conversation, their roles and read pointers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import Membership, PastMembership


class MembershipStore(Protocol):
    """Memberships. Every read is strongly consistent. They are created and removed by commits."""

    def membership(self, conversation_id: str, participant_id: str) -> Membership | None:
        """Return a participant's membership, or None for an outsider."""
        ...

    def memberships(self, conversation_ids: Sequence[str], participant_id: str) -> dict[str, Membership]:
        """Return one participant's memberships in these conversations, by conversation id."""
        ...

    def memberships_in(self, conversation_id: str, participant_ids: Sequence[str]) -> dict[str, Membership]:
        """Return the memberships of these participants in one conversation, by participant id."""
        ...

    def memberships_of(self, participant_id: str) -> list[Membership]:
        """Return all memberships of a participant, in no particular order; some conversations may have ended."""
        ...

    def memberships_after(self, participant_id: str, conversation_id: str, limit: int) -> list[Membership]:
        """Return up to `limit` memberships of a participant, by conversation id, after this one (or from "").

        Expired ones are among them: their conversations have no head.
        """
        ...

    def roster(self, conversation_id: str) -> list[Membership]:
        """Return all members in the order in which they joined. Their read pointers are not filled in."""
        ...

    def past_membership(self, conversation_id: str, participant_id: str) -> PastMembership | None:
        """Return the record of a former member, or of the sanctions on an erased one; None if there is neither."""
        ...

    def set_personal_state(self, member: Membership, changes: Mapping[str, bool]) -> bool:
        """Change some of `archived`, `pinned` and `notifications_muted`; the last one in the roster, too.

        Return False if the membership has ended. Raises WriteConflict.
        """
        ...

    def note_agent(self, member: Membership) -> bool:
        """Note that the token of a member is that of an agent; return False if the membership has ended."""
        ...

    def hide(self, member: Membership, at: int) -> bool:
        """Hide a direct conversation from a member's list up to a head, 0 to show it; False if it has ended."""
        ...

    def move_read_pointer(
        self, member: Membership, read_up_to: int, read_message_count: int, actor: Actor
    ) -> tuple[bool, Membership | None]:
        """Move a read pointer forward, and take over name and type of the member from `actor`; all in one write.

        Return whether it moved, and the membership as it is then: None if it has ended. The pointer does not move
        if it is there or beyond.
        """
        ...
