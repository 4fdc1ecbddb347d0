"""The step of an append for the membership of a sender: read pointer, own messages after it, name and type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.keys import membership_key
from chalicelib.aws.dynamodb.membership_items import OWN_UNREAD, actor_changes
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.read_pointers import PointerMove
from chalicelib.core.ports.commits import Commit, MessageAppend


def update_sender_op(table: Table, commit: Commit, messages: Sequence[MessageAppend]) -> Operation:
    """Return the update of the membership of the sender of these messages."""
    member = messages[-1].member
    # No pointer is beyond the head, so one that is directly before a message when read is there in the commit.
    move = PointerMove(max(message.member.read_up_to for message in messages))
    for message in messages:
        move.add(message.event["sequence_id"], message.seen)
    change, values = _pointer_change(commit, move) if move.has_moved else _own_unread_change(move, messages)
    actor = sender_changes(messages[-1])
    for attribute in actor:
        change = _with_assignment(change, f"#{attribute} = :{attribute}")
    values |= actor
    # The mute must be as read: whether it is over was decided then, by the sender's clock alone.
    unchanged = "attribute_not_exists(#muted_until)"
    if member.muted_until:
        unchanged = "#muted_until = :muted_until"
        values["muted_until"] = member.muted_until
    key = membership_key(member.conversation_id, member.participant_id)
    return table.update_op(*key, change, f"#epoch = :epoch AND {unchanged}", epoch=member.epoch, **values)


def sender_changes(message: MessageAppend) -> dict[str, str]:
    """Return name and type of the sender of a message, if they differ from those of the membership."""
    sender = message.event["sender"]
    return actor_changes(message.member, Actor(message.member.participant_id, sender["name"], sender["type"]))


def _pointer_change(commit: Commit, move: PointerMove) -> tuple[str, dict[str, Any]]:
    """Move the pointer. All own messages before it are read, those of this commit after it are not."""
    read = [message for message in commit.messages if message.event["sequence_id"] <= move.read_up_to]
    values: dict[str, Any] = {
        "read_up_to": move.read_up_to,
        "read_message_count": commit.old.message_count + len(read),
    }
    change = "SET #read_up_to = :read_up_to, #read_message_count = :read_message_count"
    first, second = OWN_UNREAD
    if move.own_unread:
        values["own"] = frozenset(move.own_unread)
        return f"{change}, #{first} = :own REMOVE #{second}", values
    return f"{change} REMOVE #{first}, #{second}", values


def _own_unread_change(move: PointerMove, messages: Sequence[MessageAppend]) -> tuple[str, dict[str, Any]]:
    """Add the messages to one set of own messages, and delete obsolete ones from the other."""
    members = [message.member for message in messages]
    obsolete = [frozenset[int]().union(*(member.own_obsolete[at] for member in members)) for at in (0, 1)]
    added, trimmed = (0, 1) if len(obsolete[0]) <= len(obsolete[1]) else (1, 0)
    values: dict[str, Any] = {"own": frozenset(move.own_unread)}
    change = f"ADD #{OWN_UNREAD[added]} :own"
    if obsolete[trimmed]:
        values["obsolete"] = obsolete[trimmed]
        change += f" DELETE #{OWN_UNREAD[trimmed]} :obsolete"
    return change, values


def _with_assignment(change: str, assignment: str) -> str:
    """Add an assignment to an update expression, in which each clause is allowed once."""
    return change.replace("SET ", f"SET {assignment}, ", 1) if "SET " in change else f"SET {assignment} {change}"
