"""Messages in direct conversations: before the other participant accepts it, and to one whom the sender blocks."""

from __future__ import annotations

from chalicelib.core.kernel.errors import Blocked, ChatError, NotAccepted
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.conversations import Head, Membership


def direct_errors(head: Head, sender: Membership, count: int, limits: Limits) -> dict[int, ChatError]:
    """Return the errors of so many new messages in a direct conversation, by index."""
    if sender.participant_id in head.blockers:
        return dict.fromkeys(range(count), Blocked())
    room = messages_before_acceptance(head, limits)
    return {} if room is None else dict.fromkeys(range(room, count), NotAccepted())


def messages_before_acceptance(head: Head, limits: Limits) -> int | None:
    """Return how many more messages a direct conversation takes before it is accepted; None for any number.

    The condition on the head makes the limit exact. So such messages are never queued: the leader of a group
    commit does not count them.
    """
    if head.direct != "pending":
        return None
    return max(limits.messages_before_acceptance - head.message_count, 0)
