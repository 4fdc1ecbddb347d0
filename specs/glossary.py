"""What every field means, with an example; and for what we say, what it looks like beyond its type.

A field is looked up as `Object.field`, then as `field`. One without a word here stops the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.protocol import fields, frames
from specs.errors import SpecsError
from specs.rules import Json


class Word(NamedTuple):
    """What a field means. `example` is for plain values: objects are put together from those of their fields."""

    meaning: str
    example: Any = None
    looks: Mapping[str, Any] = {}
    """JSON Schema that holds for what we say; clients may say more, and be answered with NOT_FOUND for it."""


_COUNT = {"minimum": 0}
_SEQUENCE = {"minimum": 1, "maximum": fields.MAX_SEQUENCE_ID}
_TIME = {"format": "date-time", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"}
_SOME = {"minLength": 1}
_CONVERSATION = {"pattern": "^conv_[A-Za-z0-9_-]+$"}
_MESSAGE = {"pattern": "^msg_[A-Za-z0-9_-]+$"}
_INVITE_ID = {"pattern": "^ivt_[A-Za-z0-9_-]+$"}

CONVERSATION_ID = "conv_Zm9vYmFyYmF6cXV4cXV1eA"
MESSAGE_ID = "msg_c29tZXRoaW5nMTIzNDU2Nw"
INVITE = "inv_bGV0cyBlbnRlciBhbGwgb2Z"


def codes() -> dict[str, type[ChatError]]:
    """Every code that a client can be told, with the class of the error. Raises SpecsError if two share one."""
    found: dict[str, type[ChatError]] = {}
    pending: list[type[ChatError]] = list(ChatError.__subclasses__())
    while pending:
        error = pending.pop(0)
        pending += error.__subclasses__()
        if error.code in found:
            raise SpecsError(f"two errors have the code {error.code}")
        found[error.code] = error
    return dict(sorted(found.items(), key=lambda each: (each[1].status, each[0])))


WORDS: Mapping[str, Word] = {
    # ---- people
    "participant_id": Word("Somebody's id: the `sub` of their tokens.", "bob", {"minLength": 1, "maxLength": 255}),
    "name": Word("The name that others see.", "Bob", _SOME),
    "ParticipantRef.type": Word("A person or a program.", "human"),
    "Participant.type": Word("A person or a program.", "human"),
    "NewParticipant.type": Word("A person or a program.", "human"),
    "role": Word("What they may do in the conversation.", "member"),
    "joined_at": Word("When they came.", "2026-03-01T09:00:00.000Z", _TIME),
    "online": Word("Whether a socket of theirs listens to the conversation.", True),
    "participants": Word("Who is in it."),
    "CreateConversation.participants": Word("Who is in it from the beginning, besides the caller."),
    "participants_truncated": Word(
        f"There are more than are listed: at most {frames.MAX_PARTICIPANTS_IN_A_FRAME} are, and fewer where the "
        "frame would be too large.",
        True,
        {"const": True},
    ),
    "participant": Word("Who it is about."),
    "sender": Word("Whose doing it is, named as at that time."),
    "Welcome.participant": Word("Who the socket belongs to."),
    # ---- conversations
    "conversation_id": Word("The conversation.", CONVERSATION_ID, _CONVERSATION),
    "Error.conversation_id": Word("As it stood in the command.", CONVERSATION_ID),
    "title": Word("What the conversation is called.", "Trip to Oslo"),
    "join_policy": Word("`open`: whoever has the id may join; `invite`: only who is added or invited.", "invite"),
    "metadata": Word("Whatever the application wants to keep with it.", {"colour": "green"}),
    "created_at": Word("When, by a clock: only `sequence_id` orders.", "2026-03-01T09:00:00.000Z", _TIME),
    "created_by": Word("The participant id of who made it.", "alice", _SOME),
    "updated_at": Word("When the last event was written.", "2026-03-01T09:05:00.000Z", _TIME),
    "head": Word("The `sequence_id` of the newest event.", 2, _SEQUENCE),
    "participant_count": Word("How many are in it.", 2, _COUNT),
    "last_message": Word("The newest message, as it now is."),
    "unread_count": Word("How many messages come after `read_up_to`.", 0, _COUNT),
    "read_up_to": Word("The `sequence_id` up to which the caller has read.", 2, _COUNT),
    "messages": Word("Messages as they now are, in rising order."),
    "conversation": Word("The conversation, without its participants."),
    "conversations": Word("The page."),
    "remaining_participants": Word("How many are still in it.", 1, _COUNT),
    # ---- events
    "sequence_id": Word("The event's place in the conversation: 1, 2, 3 … without holes.", 2, _SEQUENCE),
    "MoveReadPointer.sequence_id": Word("The last event that was read; at most the head.", 2),
    "Read.sequence_id": Word("The last event that was read; at most the head.", 2),
    "ReadPush.sequence_id": Word("How far they have read.", 2, _SEQUENCE),
    "type": Word("What kind this is."),
    "message_id": Word("The message's own id, the same for ever.", MESSAGE_ID, _MESSAGE),
    "client_message_id": Word(
        "The client's own id of the message: the same one of the same person is the same message, however often "
        "it is sent.",
        "9f2c-1",
        _SOME,
    ),
    "Error.client_message_id": Word("As it stood in the command.", "9f2c-1"),
    "content": Word("The text.", "Hello Bob! 🚆", _SOME),
    "reply_to": Word("The `sequence_id` of the message that this one answers.", 1, _SEQUENCE),
    "mentions": Word("Participant ids of who is addressed in particular.", ["bob"]),
    "ParticipantJoinedEvent.reason": Word("How they came: by themselves, or added by somebody.", "added"),
    "ParticipantLeftEvent.reason": Word("How they went.", "left"),
    "target": Word("The `sequence_id` of the message that it is about.", 2, _SEQUENCE),
    "emoji": Word("The reaction.", "👍", _SOME),
    "ReactionsQuery.emoji": Word("Only this reaction."),
    "edited_at": Word("When it was edited last.", "2026-03-01T09:03:00.000Z", _TIME),
    "deleted_at": Word("When it was deleted; nothing of what it said is left.", "2026-03-01T09:04:00.000Z", _TIME),
    "reactions": Word("Reactions and how many people use each, in the order of first use."),
    "Reactions.reactions": Word("The page."),
    "ReactionDetail.participant_id": Word("Who reacted.", "bob", _SOME),
    "ReactionDetail.sequence_id": Word("The `reaction_added` event.", 3, _SEQUENCE),
    "count": Word("How many people.", 1, {"minimum": 1}),
    "version": Word("The `sequence_id` of the newest event that is in what it now is.", 3, _SEQUENCE),
    "Removed.reason": Word("Why.", "removed"),
    "event": Word("The event as it stands in the log."),
    "events": Word("Events, in rising order, contiguous."),
    "has_more": Word("There is more in the direction asked.", False),
    # ---- pages
    "limit": Word("At most so many.", 50),
    "cursor": Word("`next_cursor` of the page before."),
    "next_cursor": Word("There is more: ask again with this as `cursor`.", "eyJ1IjoxfQ", _SOME),
    "before": Word("Only what is before this `sequence_id`; not together with `after`.", 51),
    "after": Word("Only what is after this `sequence_id`; 0 is the beginning.", 0),
    "SubscribeTo.after": Word("The last `sequence_id` that the client has; without it the newest 50 come.", 1),
    "Subscribe.after": Word("The last `sequence_id` that the client has; without it the newest 50 come.", 1),
    "Sync.after": Word("The last `sequence_id` that the client has.", 1),
    # ---- errors
    "error": Word("What went wrong."),
    "request_id": Word("What to quote when asking about it.", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
    "code": Word("What went wrong, for programs.", "VALIDATION_FAILED"),
    "ErrorBody.code": Word("What went wrong, for programs.", "VALIDATION_FAILED", {"enum": list(codes())}),
    "Error.code": Word("What went wrong, for programs.", "VALIDATION_FAILED", {"enum": list(codes())}),
    "Disconnect.code": Word("Why, for programs.", "TOKEN_EXPIRED"),
    "Disconnect.reason": Word("Why, for people.", "The token of this socket has expired.", _SOME),
    "ErrorBody.message": Word("What went wrong, for people.", "The request has the wrong shape.", _SOME),
    "Error.message": Word("What went wrong, for people.", "The request has the wrong shape.", _SOME),
    "details": Word("Where, and what, in particular; at most 20."),
    "path": Word("The place: names and indexes, joined by dots; empty for the whole.", "content"),
    "problem": Word("What is wrong there.", "must not be empty or only white space", _SOME),
    "retry_after": Word("In how many seconds to try again.", 1, {"minimum": 0}),
    "retryable": Word("Whether the same command may work later, unchanged.", False),
    # ---- sockets
    "id": Word("The client's own id of a command; every direct answer repeats it.", "1"),
    "ticket": Word("For `?ticket=…` of the socket's URL.", "AbCdEf0123456789AbCdEf01234567", _SOME),
    "Ticket.expires_in": Word("For how many seconds.", Timing().ticket_lifetime, {"minimum": 1}),
    "connection_id": Word("What the server calls this socket.", "L0SM9cOFvHcCIhw=", _SOME),
    "protocol": Word("The version of the protocol.", frames.PROTOCOL, {"const": frames.PROTOCOL}),
    "expires_at": Word("When the token ends; `auth` brings a new one.", "2026-03-01T10:00:00.000Z", _TIME),
    "ping_interval": Word("Ping at least every so many seconds.", Timing().ping_interval, {"minimum": 1}),
    "limits": Word("The limits in force.", Limits().public()),
    "subscribe": Word("What to subscribe to at once."),
    "first_sequence_id": Word(
        "The `sequence_id` of the first event here, or of the next one if there is none.", 1, _SEQUENCE
    ),
    "duplicate": Word("Whether it was in the log already.", False),
    "server_time": Word("The server's clock.", "2026-03-01T09:06:00.000Z", _TIME),
    "heads": Word("By conversation id: the newest `sequence_id`.", {CONVERSATION_ID: 2}),
    "Ping.heads": Word("By conversation id: the newest `sequence_id` that the client has.", {CONVERSATION_ID: 2}),
    "Pong.heads": Word(
        "By conversation id: where those asked for, and that one is in, end.",
        {CONVERSATION_ID: 2},
        {"propertyNames": _CONVERSATION, "additionalProperties": {"type": "integer", **_SEQUENCE}},
    ),
    "is_typing": Word("Whether they write, or have stopped.", True),
    "token": Word("A new token of the same participant.", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln"),
    "reconnect": Word("Whether it makes sense to connect again.", True),
    "GatewayFailure.message": Word("API Gateway's own words.", "Internal server error"),
    "connectionId": Word("API Gateway's name of this socket.", "L0SM9cOFvHcCIhw="),
    "requestId": Word("What to quote when asking about it.", "KmZ2xF0jvHcFqOQ="),
    # ---- invites
    "invite": Word("The secret: whoever has it may join.", INVITE, {"pattern": "^inv_[A-Za-z0-9_-]+$"}),
    "revoke_invite.invite": Word("Its secret, or its `invite_id`."),
    "invite_id": Word("What the invite is called; lets nobody in.", "ivt_dGhpcyBpc24ndCBpdCBlaQ", _INVITE_ID),
    "invites": Word("The page."),
    "max_uses": Word("How many people may join by it; null: any number.", 10),
    "CreateInvite.max_uses": Word("How many people may join by it; without it any number.", 10),
    "uses": Word("How many have joined by it.", 3, _COUNT),
    "CreateInvite.expires_in": Word("For how many seconds it holds.", 604_800),
    "NewInvite.expires_at": Word("Until when it holds.", "2026-03-08T09:00:00.000Z", _TIME),
    "ListedInvite.expires_at": Word("Until when it holds.", "2026-03-08T09:00:00.000Z", _TIME),
    # ---- moderation
    "bans": Word("The page."),
    "ban": Word("`true`: they cannot come back until the ban is lifted.", "true"),
    "banned_by": Word("The participant id of who banned them.", "alice", _SOME),
    "banned_at": Word("When.", "2026-03-01T09:05:00.000Z", _TIME),
    "muted_until": Word("Until then they may read and say nothing.", "2026-03-01T10:05:00.000Z", _TIME),
    "muted_for": Word("They may say nothing for so many seconds; 0 ends a mute.", 3_600),
    "entries": Word("The page."),
    "action": Word("What was done.", "role_changed"),
    "actor_id": Word("The participant id of who did it.", "alice", _SOME),
    "AuditEntry.participant_id": Word("Whom it concerns.", "bob", _SOME),
    "AuditEntry.sequence_id": Word("The event of it; of what is no event, the head of that moment.", 2, _SEQUENCE),
    "AuditEntry.target": Word("The `sequence_id` of the message it concerns.", 2, _SEQUENCE),
    "AuditEntry.role": Word("The new role.", "moderator"),
    # ---- data rights
    "retention_days": Word("How many days what is said is kept; absent or null: as the deployment has it.", 365),
    "expired": Word("What it said is past retention, and no longer there.", True),
    "up_to": Word("The `sequence_id` of the last event whose contents are gone.", 2, _SEQUENCE),
    "ParticipantErasedEvent.participant_id": Word("What they are called from now on.", "erased_bm9ib2R5"),
    "ExportedParticipant.participant_id": Word("The caller's id.", "bob", _SOME),
    "is_participant": Word("Whether one is in it now.", True),
    "Export.participant": Word("Whose data it is."),
    "Export.messages": Word("What one has said there, as it now is, in rising order."),
    "Erasure.status": Word("Whether it is done.", "running"),
    "conversations_total": Word("In how many conversations there is something to erase.", 3, _COUNT),
    "conversations_done": Word("In how many it is erased.", 1, _COUNT),
    "requested_at": Word("When it was asked for.", "2026-03-01T09:10:00.000Z", _TIME),
    "finished_at": Word("When it was done.", "2026-03-01T09:11:00.000Z", _TIME),
    # ---- health
    "status": Word("Whether all is well.", "ok"),
    "checks": Word("By part: how it is.", {"conversations": "ok", "connections": "ok"}),
    "Health.version": Word("What is deployed.", "0.1.0"),
    # ---- the document about itself
    "openapi": Word("The version of OpenAPI."),
    "info": Word("What the document is about.", {"title": "Serverless chat: HTTP", "version": "0.1.0"}),
    "servers": Word("Where the API is.", [{"url": "."}]),
    "security": Word("What a request needs, where it says nothing else.", [{"token": []}]),
    "paths": Word("The operations.", {}),
    "components": Word("What they have in common.", {}),
}


def word(owner: str, field: str) -> Word:
    """What a field of an object means. Raises SpecsError."""
    found = WORDS.get(f"{owner}.{field}") or WORDS.get(field)
    if found is None:
        raise SpecsError(f"nobody knows what {owner}.{field} means: say it in specs/glossary.py")
    return found


def described(owner: str, field: str, schema: Json) -> Json:
    """The schema of a field with its meaning before what is said there already; a bare reference stays one."""
    if "$ref" in schema:
        return schema
    meaning, rule = word(owner, field).meaning, schema.get("description")
    return {**schema, "description": f"{meaning} {rule}" if rule else meaning}


def narrowed(owner: str, field: str, schema: Json) -> Json:
    """The schema of a field of ours: with its meaning, and as it really looks."""
    found = word(owner, field)
    if "$ref" in schema:
        return schema
    schema = {**schema, **found.looks} if "anyOf" not in schema else schema
    return {**schema, "description": found.meaning}
