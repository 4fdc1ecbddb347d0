"""Notify lists of the messages in a delivery: decided once, and stored without ids of participants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from chalicelib.core.kernel.clock import from_rfc3339
from chalicelib.core.kernel.ids import url_safe_digest
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import Event

NOTIFY_WITHIN = 300
"""Seconds from a message to the first attempt of its delivery, up to which it has a notify list."""
MAX_NOTIFIED = 1_000
"""The entries of all notify lists of a delivery, or those of one message."""
_DIGEST_BYTES = 9

NotifyReason = Literal["offline", "not_subscribed"]


class Absence(NamedTuple):
    """The state of a member without an active subscription to the conversation."""

    is_connected: bool
    """Whether a connection was open that was not subscribed."""
    is_muted: bool
    """Whether its notifications were muted, or it was archived."""
    read_up_to: int


class NotifyDecision(NamedTuple):
    """The state of the members before the first attempt of a delivery: a repeat has the same lists."""

    at: int
    """Milliseconds since the epoch."""
    absent: Mapping[str, Absence]
    """By the digest of the member: an erasure has no rows to search."""


class NotifiedMember(NamedTuple):
    """An entry of a notify list."""

    participant_id: str
    mentioned: bool
    muted: bool
    reason: NotifyReason


class NotifyList(NamedTuple):
    """The members to notify of one message."""

    sequence_id: int
    members: Sequence[NotifiedMember]


def digest_of(member: Membership) -> str:
    """Return the name of a member in a decision."""
    return url_safe_digest(f"{member.conversation_id} {member.participant_id}", _DIGEST_BYTES)


def has_list(event: Event, at: int) -> bool:
    """Return whether an event has a notify list: a recent message of a participant, with its content."""
    return (
        event["type"] == "message"
        and "content" in event
        and event["sender"]["type"] != "system"
        and from_rfc3339(event["created_at"]) * 1000 >= at - NOTIFY_WITHIN * 1000
    )


def is_receiver(member: Membership, head: Head) -> bool:
    """Return whether messages reach a member: not after a departure, nor past a block in a direct conversation."""
    return head.excluded.get(member.participant_id, 0) <= member.epoch


def concerns(event: Event, member: Membership, read_up_to: int = 0) -> bool:
    """Return whether a message of another participant came after the member joined, and is unread."""
    is_own = event["sender"]["participant_id"] == member.participant_id
    return not is_own and event["sequence_id"] > max(member.epoch, read_up_to)


def lists_of(
    decision: NotifyDecision, events: Iterable[Event], roster: Sequence[Membership], head: Head
) -> list[NotifyList]:
    """Return the notify lists of the messages in a delivery, of present members only."""
    if head.state is not ConversationState.LIVE:
        return []
    absent = [
        (member, decision.absent[digest])
        for member in roster
        if (digest := digest_of(member)) in decision.absent and is_receiver(member, head)
    ]
    return [
        NotifyList(event["sequence_id"], [_entry(event, *each) for each in absent if _is_listed(event, *each)])
        for event in events
        if has_list(event, decision.at)
    ]


def _is_listed(event: Event, member: Membership, absence: Absence) -> bool:
    return concerns(event, member, absence.read_up_to)


def _entry(event: Event, member: Membership, absence: Absence) -> NotifiedMember:
    return NotifiedMember(
        member.participant_id,
        mentioned=member.participant_id in event.get("mentions", ()),
        muted=absence.is_muted,
        reason="not_subscribed" if absence.is_connected else "offline",
    )


def first_beyond(lists: Iterable[NotifyList]) -> int | None:
    """Return the first message whose list a delivery has no room for, None if all fit; one list always does."""
    count = 0
    for found in lists:
        if count and count + len(found.members) > MAX_NOTIFIED:
            return found.sequence_id
        count += len(found.members)
    return None
