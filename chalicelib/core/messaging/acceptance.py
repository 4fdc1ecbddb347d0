"""Messages in direct conversations: before the other participant accepts it, and to one whom the sender blocks."""

from __future__ import annotations

from chalicelib.core.kernel.errors import Blocked, ChatError, NotAccepted
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.conversations import Head, Membership


def direct_errors(head: Head, sender: Membership, count: int, limits: Limits) -> dict[int, ChatError]:
    """Return the errors of so many new messages in a direct conversation, by index."""
    if sender.participant_id in head.blockers:
        return dict.fromkeys(range(count), Blocked())
    room = messages_before_acceptance(head, sender, limits)
    return {} if room is None else dict.fromkeys(range(room, count), NotAccepted())


def messages_before_acceptance(head: Head, sender: Membership, limits: Limits) -> int | None:
    """Return how many more messages a sender has before a direct conversation is accepted; None for any number.

    The condition on the head makes the limit exact. So such messages are never queued: the leader of a group
    commit does not count them. A service needs no acceptance.
    """
    if head.direct != "pending" or sender.is_service:
        return None
    return max(limits.messages_before_acceptance - head.opener_messages, 0)
