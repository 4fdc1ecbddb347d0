"""A message as a reader sees it now: edits, deletions, reactions, erasures and retention folded in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from .outputs import JsonObject

ERASED_NAME = "Erased"
_new_tuple = tuple.__new__


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji, and the ids of the participants that chose it, in their order."""

    emoji: str
    participants: tuple[str, ...]


class Message(NamedTuple):
    """A message of the log, or one that waits in the outbox."""

    # A tuple: one is made for each event, and a frozen dataclass takes ten times as long.

    status: Literal["sent", "pending", "failed"]
    sequence_id: int | None
    message_id: str | None
    client_message_id: str | None
    created_at: str | None
    sender: JsonObject | None
    content: str | None
    """None if it is deleted or expired."""
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    metadata: JsonObject | None = None
    edited_at: str | None = None
    is_deleted: bool = False
    is_expired: bool = False
    reactions: tuple[Reaction, ...] = ()
    error: JsonObject | None = None
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """From this event on, the earlier messages of a participant are deleted, under a pseudonym."""

    sequence_id: int
    participant_id: str
    pseudonym: str


def fold(event: JsonObject, changes: Iterable[JsonObject | Erasure], is_expired: bool) -> Message:
    """Return the message of an event; its updates and all erasures are in the order of the log.

    A participant who was erased can return and react again: that reaction is after the erasure.
    """
    message = as_sent(event)
    for change in changes:
        message = _erased(message, change) if isinstance(change, Erasure) else _updated(message, change)
    if is_expired:
        message = _emptied(message)._replace(is_expired=True, is_deleted=False)
    return message


def as_sent(event: JsonObject) -> Message:
    """Return the message of an event without updates; each event comes here.

    A tuple of all fields by position: the constructor of the class would take half as long again.
    """
    read = event.get
    mentions = read("mentions")
    values = (
        "sent",
        event["sequence_id"],
        read("message_id"),
        read("client_message_id"),
        event["created_at"],
        event["sender"],
        read("content"),
        read("reply_to"),
        tuple(mentions) if mentions else (),
        read("metadata"),
        None,
        read("deleted_at") is not None,
        read("expired", False),
        (),
        None,
    )
    return _new_tuple(Message, values)


def _updated(message: Message, update: JsonObject) -> Message:
    if message.is_deleted or message.is_expired:
        return message
    match update["type"]:
        case "message_deleted":
            return _emptied(message)._replace(is_deleted=True)
        case "message_edited":
            return _edited(message, update)
        case _:
            return message._replace(reactions=_reacted(message.reactions, update))


def _edited(message: Message, update: JsonObject) -> Message:
    changes: dict[str, Any] = {"edited_at": update["created_at"]}
    if "content" in update:  # a deletion removes it from the log
        changes["content"] = update["content"]
    if update.get("mentions") is not None:
        changes["mentions"] = tuple(update["mentions"])
    if update.get("metadata") is not None:
        changes["metadata"] = update["metadata"] or None
    return message._replace(**changes)


def _emptied(message: Message) -> Message:
    return message._replace(content=None, mentions=(), metadata=None, edited_at=None, reactions=())


def _reacted(reactions: tuple[Reaction, ...], update: JsonObject) -> tuple[Reaction, ...]:
    emoji = update["emoji"]
    participant = update.get("participant_id") or update["sender"]["participant_id"]  # a moderator may remove it
    chosen = {reaction.emoji: reaction.participants for reaction in reactions}
    others = tuple(other for other in chosen.get(emoji, ()) if other != participant)
    chosen[emoji] = (*others, participant) if update["type"] == "reaction_added" else others
    return tuple(Reaction(emoji, participants) for emoji, participants in chosen.items() if participants)


def _erased(message: Message, erasure: Erasure) -> Message:
    if (message.sequence_id or 0) > erasure.sequence_id:
        return message
    if message.sender is not None and message.sender.get("participant_id") == erasure.participant_id:
        pseudonym = {**message.sender, "participant_id": erasure.pseudonym, "name": ERASED_NAME}
        return _emptied(message)._replace(sender=pseudonym, client_message_id=None, is_deleted=True)
    return message._replace(reactions=tuple(_renamed(reaction, erasure) for reaction in message.reactions))


def _renamed(reaction: Reaction, erasure: Erasure) -> Reaction:
    names = {erasure.participant_id: erasure.pseudonym}
    return replace(reaction, participants=tuple(names.get(name, name) for name in reaction.participants))
