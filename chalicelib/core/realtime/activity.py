"""The activity of a conversation: the part of a commit that connections with a feed receive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.read_pointers import PointerMove
from chalicelib.core.ports.commits import Commit
from chalicelib.core.protocol.frames import Frame, own_read_push


def own_read_frame(frame: Frame, commits: Iterable[Commit]) -> Frame:
    """Return the push of a read pointer to its member, with the counts for a badge if the last commit moved it."""
    last = max(commits, key=lambda commit: commit.new.sequence_id, default=None)
    member = None if last is None else sender_after(last, frame["participant_id"])
    if last is None or member is None or member.read_up_to < frame["sequence_id"]:
        return frame
    return own_read_push(last.new, member)


def sender_after(commit: Commit, participant_id: str) -> Membership | None:
    """Return the membership of a sender after a commit that moved its read pointer, or None.

    If the pointer stayed behind, concurrent moves of it may have succeeded: only the store knows it.
    """
    messages = [message for message in commit.messages if message.member.participant_id == participant_id]
    if not messages:
        return None
    move = PointerMove(max(message.member.read_up_to for message in messages))
    for message in messages:
        move.add(message.event["sequence_id"], message.seen)
    if not move.has_moved:
        return None
    read = sum(1 for message in commit.messages if message.event["sequence_id"] <= move.read_up_to)
    return replace(
        messages[-1].member,
        read_up_to=move.read_up_to,
        read_message_count=commit.old.message_count + read,
        own_unread=frozenset(move.own_unread),
    )
