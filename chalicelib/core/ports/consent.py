"""Consent: blocks, standings, and pending memberships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from chalicelib.core.model.actors import TokenRules
from chalicelib.core.model.consent import Block, PendingMembership, Standing
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.directs import DirectLink
from chalicelib.core.model.privacy import ErasureJob


class BlockStore(Protocol):
    """The blocks of each participant. Every read is strongly consistent."""

    def block(self, block: Block, link: DirectLink | None) -> bool:
        """Save a block, unless there is one, with a note in the head of the direct conversation of the two.

        Return False if `link`, that of the blocker, or its conversation is not as read.

        Raises:
            PreconditionFailed: an erasure of the blocker is running.
            WriteConflict: nothing was written.
        """
        ...

    def unblock(self, blocker_id: str, participant_id: str, link: DirectLink | None) -> bool:
        """Delete a block with its note, if there is one; return False if `link` is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def is_blocked(self, blocker_id: str, participant_id: str) -> bool:
        """Return whether `blocker_id` has blocked `participant_id`."""
        ...

    def blocks(self, blocker_id: str, after: str | None, limit: int) -> tuple[list[Block], str | None]:
        """Return a page of the blocks that a participant has set, and the key after which the next one begins."""
        ...

    def erase_blocks(self, job: ErasureJob) -> None:
        """Delete the blocks that an erased participant has set, and replace their id in those of others."""
        ...


class Consent(NamedTuple):
    """The state of a participant that decides about an addition by one other participant."""

    standing: Standing
    is_blocked: bool
    """Whether the participant has blocked the adder."""
    rules: TokenRules = TokenRules()

    @property
    def is_suspended(self) -> bool:
        """Whether the participant is suspended. The standing of an erased participant does not have it."""
        return self.standing.is_suspended or self.rules.suspended_at > 0


class PendingStore(Protocol):
    """Standings and pending memberships. Every read is strongly consistent.

    Those of a commit are accepted, and counted, by commits.
    """

    def consents(self, adder_id: str, participant_ids: Sequence[str]) -> dict[str, Consent]:
        """Return the consent of each of these participants, with as many requests whatever it is."""
        ...

    def standing(self, participant_id: str) -> Standing:
        """Return a standing."""
        ...

    def correct(self, standing: Standing) -> bool:
        """Replace the counts of a standing; return False if it has another version.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def save(self, entry: PendingMembership, adder: Membership, standing: Standing, *, is_visible: bool) -> bool:
        """Save a pending membership, in place of an earlier one by the same adder.

        Preconditions: the adder's membership and role, and the participant's standing are as read; the participant
        is neither a member nor banned. Returns False if one of them fails.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def visible(
        self, participant_id: str, after: str | None, limit: int
    ) -> tuple[list[PendingMembership], str | None]:
        """Return a page of the pending memberships that a participant sees, and the key for `after`.

        It can be short, and even empty, if some have expired.
        """
        ...

    def visible_in(self, conversation_id: str, participant_id: str) -> list[PendingMembership]:
        """Return those of one conversation."""
        ...

    def with_visible(
        self, conversation_id: str, key: str
    ) -> tuple[list[PendingMembership], list[PendingMembership]]:
        """Return those of a conversation whose `PendingMembership.key` begins with `key`, and the visible ones."""
        ...

    def invited(
        self, conversation_id: str, after: str | None, limit: int
    ) -> tuple[list[PendingMembership], str | None]:
        """Return a page of all pending memberships in a conversation, likewise."""
        ...

    def invited_participant(self, conversation_id: str, participant_id: str) -> list[PendingMembership]:
        """Return all pending memberships of a participant in a conversation, whether they see them or not."""
        ...

    def adders(self, entries: Sequence[PendingMembership]) -> dict[tuple[str, str], Membership]:
        """Return the memberships of those who made these additions, by conversation id and participant id."""
        ...

    def hide(self, entry: PendingMembership) -> bool:
        """Hide a pending membership from its participant; return False if they did not see it.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def withdraw(self, entry: PendingMembership, by: Membership) -> bool:
        """Delete a pending membership; return False if there is none, or `by` is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def erase_pending(self, participant_id: str) -> None:
        """Delete all pending memberships of a participant."""
        ...
