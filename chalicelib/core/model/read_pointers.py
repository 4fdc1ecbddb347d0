"""Read pointers: when a message moves that of its sender, and how many messages are unread.

A message moves its sender's pointer over itself only if the sender has seen everything before it. Otherwise the
pointer stays, and the message is noted with the membership, as own messages never count as unread.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.core.model.conversations import Head, Membership

MAX_OWN_UNREAD = 100
"""Own messages after the read pointer that are known; of more, the oldest count as unread."""


def unread_count(head: Head, member: Membership) -> int:
    """Return how many messages of others there are after a member's read pointer.

    Deleted and expired messages count, as they remain in the history. The membership may be newer than the head.
    """
    own = sum(1 for sequence_id in member.own_unread if sequence_id <= head.sequence_id)
    return max(head.message_count - member.read_message_count - own, 0)


def newest(own: Iterable[int], read_up_to: int) -> frozenset[int]:
    """Return the own messages that do not count as unread: the newest `MAX_OWN_UNREAD` after `read_up_to`."""
    later = [sequence_id for sequence_id in own if sequence_id > read_up_to]
    return frozenset(later if len(later) <= MAX_OWN_UNREAD else sorted(later)[-MAX_OWN_UNREAD:])


class PointerMove:
    """The effect of a member's new messages on the read pointer, message by message."""

    def __init__(self, read_up_to: int) -> None:
        self.read_up_to = read_up_to
        self.has_moved = False
        self.own_unread: set[int] = set()
        """The new messages after the pointer."""

    def add(self, sequence_id: int, seen: int | None) -> None:
        """Add a message, of which the sender had seen the events up to `seen`."""
        if sequence_id - 1 in (self.read_up_to, seen):
            self.read_up_to, self.has_moved = sequence_id, True
            self.own_unread.clear()
        else:
            self.own_unread.add(sequence_id)
