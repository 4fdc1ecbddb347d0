"""Consent: which participants may add another one to conversations, and memberships that wait for acceptance."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from chalicelib.core.kernel.ids import digest
from chalicelib.core.model.actors import Actor, ParticipantType, Role
from chalicelib.core.model.conversations import Membership


class Block(NamedTuple):
    """A participant who can neither add the blocker to a conversation nor open one with them."""

    blocker_id: str
    participant_id: str
    """The blocked participant; a pseudonym after their erasure, which does not end the block."""
    blocked_at: int
    """Milliseconds since the epoch."""


class Standing(NamedTuple):
    """The state that decides, beside blocks, whether another participant can make this one a member at once.

    Everything that changes the decision increments `version`, on which the decision's transaction is conditional.
    """

    participant_id: str
    version: int = 0
    own: int = 0
    """Memberships in conversations that the participant has created or joined. This count and the following ones
    can be too high, and are corrected when a limit is reached."""
    added: int = 0
    """Memberships in conversations to which others have added the participant."""
    pending: int = 0
    """Pending memberships that the participant can see."""
    counted_at: int = 0
    """When the counts were corrected, in milliseconds since the epoch."""
    is_erasing: bool = False
    """Whether an erasure of the participant is running."""
    is_suspended: bool = False
    """Whether the participant is suspended."""
    type: ParticipantType = "human"
    """That of the token with which the participant last created or joined a conversation."""
    profile_version: int = 0
    """The version of the participant's profile; 0: there is none. New memberships begin with it."""
    profile_name: str | None = None
    avatar_url: str | None = None

    def named(self, actor: Actor) -> Actor:
        """Return the participant as an actor, with the name of the profile if there is one."""
        return actor if self.profile_name is None else replace(actor, name=self.profile_name)

    def profiled(self, member: Membership) -> Membership:
        """Return a new membership of the participant, with the profile if there is one."""
        if self.profile_name is None:
            return member
        return replace(
            member, name=self.profile_name, avatar_url=self.avatar_url, profile_version=self.profile_version
        )


class PendingMembership(NamedTuple):
    """An addition that the participant has not accepted yet. It belongs to the participant who made it."""

    conversation_id: str
    participant_id: str
    name: str
    """The name that the adder gave."""
    role: Role
    adder_id: str
    adder_name: str
    adder_type: ParticipantType
    adder_epoch: int
    """The epoch of the adder's membership: with that, the right to add ends."""
    title: str
    """The title at the time of the addition."""
    added_at: int
    """Milliseconds since the epoch."""
    expires_at: int
    """Epoch seconds."""
    at_head: int = 0
    """The sequence id of the head at which it was added: a participant who was removed later cannot accept it."""
    is_direct: bool = False
    """Whether the conversation is direct: then it is the adder's request for it."""

    @property
    def key(self) -> str:
        """The key among the pending memberships of the conversation, which contains no id."""
        return f"{digest(self.participant_id)}#{digest(self.adder_id)}"

    @property
    def adder(self) -> Actor:
        """The participant who made the addition."""
        return Actor(self.adder_id, self.adder_name, self.adder_type)
