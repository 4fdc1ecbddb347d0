"""The activity of a conversation: the part of a commit that connections with a feed receive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.read_pointers import PointerMove
from chalicelib.core.ports.commits import Commit
from chalicelib.core.protocol.frames import Frame, deleted_push, own_read_push
from chalicelib.core.realtime.outbox import Activity

_PREVIEW_FIELDS = (
    *("sequence_id", "message_id", "created_at", "sender", "mentions", "edited_at", "deleted_at", "version"),
)
PROGRESS = 25
"""Of the frames of a busy conversation, those of commits that cross a multiple of this are never skipped."""


def activity_of_messages(commits: Iterable[Commit], limits: Limits, own_frame: Frame) -> list[Activity]:
    """Return the activity of new messages, with the read pointers of the senders.

    `own_frame` is the push of a read pointer to its member; if it has the counts, it is not repeated.
    """
    counted = own_frame["participant_id"] if "head" in own_frame else None
    return [
        _activity_of_messages(commit, limits, counted)
        for commit in commits
        if commit.messages and _has_feed(commit.new, limits)
    ]


def _activity_of_messages(commit: Commit, limits: Limits, counted: str | None) -> Activity:
    senders = dict.fromkeys(message.member.participant_id for message in commit.messages)
    reads = {sender: _own_read(commit, sender) for sender in senders if sender != counted}
    crosses = commit.old.message_count // PROGRESS != commit.new.message_count // PROGRESS
    shown = {"last_message": _preview(commit.messages[-1].event, limits)}
    return Activity(commit.new, _frame(commit.new, shown), is_essential=crosses, own_reads=reads)


def activity_of_update(commit: Commit, message: Event, limits: Limits) -> list[Activity]:
    """Return the activity of an edit or a deletion of the newest message, which is given in its new form."""
    is_shown = any(event["type"] in ("message_edited", "message_deleted") for event in commit.events)
    if not is_shown or message["sequence_id"] != commit.new.last_message or not _has_feed(commit.new, limits):
        return []
    shown = {"last_message": _preview(message, limits)}
    return [Activity(commit.new, _frame(commit.new, shown), is_essential=False)]


def activity_of_title(commit: Commit, limits: Limits) -> list[Activity]:
    """Return the activity of a change of the title. No later frame repeats it, so it is never skipped."""
    titles = [event["title"] for event in commit.events if "title" in event]
    if not titles or not _has_feed(commit.new, limits):
        return []
    return [Activity(commit.new, _frame(commit.new, {"title": titles[-1]}), is_essential=True)]


def activity_of_deletion(head: Head, limits: Limits, informed: Sequence[Subscription]) -> list[Activity]:
    """Return the activity of the deletion of a conversation, which the connections `informed` do not need."""
    if not _has_feed(head, limits):
        return []
    frame = deleted_push(head.conversation_id)
    return [Activity(head, frame, is_essential=True, is_final=True, informed=informed)]


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


def _own_read(commit: Commit, participant_id: str) -> Frame | None:
    member = sender_after(commit, participant_id)
    return None if member is None else own_read_push(commit.new, member)


def _frame(head: Head, shown: Mapping[str, Any]) -> Frame:
    """Return the frame, which is the same for all members: each computes the unread count."""
    return {
        "type": "activity",
        "conversation_id": head.conversation_id,
        "head": head.sequence_id,
        "message_count": head.message_count,
        **shown,
    }


def _preview(message: Event, limits: Limits) -> Event:
    """Return a message with the beginning of its content."""
    preview = {name: message[name] for name in _PREVIEW_FIELDS if name in message}
    content = message.get("content")
    if content is not None:
        preview["content"] = content[: limits.activity_preview_characters]
        if len(preview["content"]) < len(content):
            preview["truncated"] = True
    return preview


def _has_feed(head: Head, limits: Limits) -> bool:
    return head.participant_count <= limits.activity_participants
