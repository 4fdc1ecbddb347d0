"""The routes of the log: messages, events, reactions, and the read pointer."""

from __future__ import annotations

import re
from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import (
    Blocked,
    Forbidden,
    Muted,
    NotAccepted,
    NotFound,
    PositionUnknown,
    RateLimited,
    RefusedByHook,
)
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.http import AuthenticatedRequest, route
from chalicelib.observability import logs


@route(
    "GET",
    "/conversations/{conversation_id}/messages",
    {200: "Messages"},
    query=queries.MessagesQuery,
    errors=(PositionUnknown,),
)
def list_messages(call: AuthenticatedRequest, conversation_id: str, query: queries.MessagesQuery) -> Any:
    """List messages in their current state."""
    return bootstrap.application().conversations.history.messages(call.caller, conversation_id, query)


@route(
    "GET",
    "/conversations/{conversation_id}/events",
    {200: "Events"},
    query=queries.EventsQuery,
    errors=(PositionUnknown,),
)
def list_events(call: AuthenticatedRequest, conversation_id: str, query: queries.EventsQuery) -> Any:
    """List the events of the log."""
    return bootstrap.application().conversations.history.events(call.caller, conversation_id, query)


@route(
    "POST",
    "/conversations/{conversation_id}/messages",
    {201: "MessageEvent", 200: "MessageEvent"},
    query=queries.WriteQuery,
    body=requests.SendMessage,
    errors=(Muted, NotAccepted, Blocked, RefusedByHook, RateLimited),
)
def send_message(
    call: AuthenticatedRequest, conversation_id: str, body: requests.SendMessage
) -> tuple[int, Result]:
    """Send a message: 201 with the event, or 200 with the same event for a repeat."""
    sender = bootstrap.application().messaging.sender
    sent = sender.send(call.caller, conversation_id, body)
    return 200 if sent.duplicate else 201, Result(sent.event, sender.pushes(sent))


@route("POST", "/batch", {200: "BatchResults"}, body=requests.ExecuteBatch, errors=(RateLimited,))
def execute_batch(call: AuthenticatedRequest, body: requests.ExecuteBatch) -> Result:
    """Execute several commands, those of one conversation in their order. Each result has its own status."""
    executed = bootstrap.application().messaging.batches.execute(call.caller, body.entries)
    if executed.failure is not None:
        logs.log_failure(executed.failure)
    return Result({"results": executed.results}, executed.pushes)


_MESSAGE_PATH = "/conversations/{conversation_id}/messages/{sequence_id}"


def number_in_path(sequence_id: str) -> int:
    """Return the sequence id in a path. Raises NotFound if it is malformed."""
    if re.fullmatch("[1-9][0-9]{0,15}", sequence_id) is None:
        raise NotFound
    return int(sequence_id)


@route(
    "PATCH",
    _MESSAGE_PATH,
    {200: "MessageEvent"},
    query=queries.WriteQuery,
    body=requests.EditMessage,
    errors=(Forbidden, Muted, Blocked, RefusedByHook, RateLimited),
)
def edit_message(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, body: requests.EditMessage
) -> Result:
    """Edit one of the caller's messages, and return its current state."""
    target = number_in_path(sequence_id)
    application = bootstrap.application()
    update = application.messaging.updates.edit(call.caller, conversation_id, target, body, not_found=NotFound)
    return Result(application.conversations.history.shown_to(call.caller, update.message), update.pushes)


@route("DELETE", _MESSAGE_PATH, {204: None}, query=queries.WriteQuery, errors=(Forbidden, RateLimited))
def delete_message(call: AuthenticatedRequest, conversation_id: str, sequence_id: str) -> Result:
    """Delete a message. Owners and moderators can delete those of other participants as well."""
    target = number_in_path(sequence_id)
    update = bootstrap.application().messaging.updates.delete(
        call.caller, conversation_id, target, not_found=NotFound
    )
    return Result(None, update.pushes)


@route("GET", f"{_MESSAGE_PATH}/reactions", {200: "Reactions"}, query=queries.ReactionsQuery)
def list_reactions(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: queries.ReactionsQuery
) -> Any:
    """List the reactions to a message."""
    return bootstrap.application().conversations.history.reactions(
        call.caller, conversation_id, number_in_path(sequence_id), query
    )


@route(
    "PUT",
    f"{_MESSAGE_PATH}/reactions",
    {204: None},
    query=queries.EmojiQuery,
    errors=(Muted, Blocked, RateLimited),
)
def add_reaction(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: queries.EmojiQuery
) -> Result:
    """Add a reaction to a message."""
    target = number_in_path(sequence_id)
    update = bootstrap.application().messaging.reactions.add(
        call.caller, conversation_id, target, query.emoji, not_found=NotFound
    )
    return Result(None, update.pushes)


@route(
    "DELETE",
    f"{_MESSAGE_PATH}/reactions",
    {204: None},
    query=queries.RemoveReactionQuery,
    errors=(Forbidden, Muted, RateLimited),
)
def remove_reaction(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, query: queries.RemoveReactionQuery
) -> Result:
    """Remove a reaction from a message: the caller's, or that of another participant."""
    participant_id = query.participant_id or call.caller.participant_id
    update = bootstrap.application().messaging.reactions.remove_of_participant(
        call.caller, conversation_id, number_in_path(sequence_id), query.emoji, participant_id
    )
    return Result(None, update.pushes)


@route(
    "POST",
    f"{_MESSAGE_PATH}/report",
    {204: None},
    query=queries.WriteQuery,
    body=requests.ReportMessage,
    errors=(Forbidden, RateLimited),
)
def report_message(
    call: AuthenticatedRequest, conversation_id: str, sequence_id: str, body: requests.ReportMessage
) -> Result:
    """Report a message to the owners and moderators. Its author does not learn of it. A repeat changes nothing."""
    return bootstrap.application().conversations.reports.report(
        call.caller, conversation_id, number_in_path(sequence_id), body.reason
    )


@route(
    "PUT",
    "/conversations/{conversation_id}/read",
    {200: "ReadPointer"},
    query=queries.WriteQuery,
    body=requests.MoveReadPointer,
    errors=(Blocked,),
)
def move_read_pointer(call: AuthenticatedRequest, conversation_id: str, body: requests.MoveReadPointer) -> Result:
    """Move the caller's read pointer."""
    return bootstrap.application().conversations.history.read(call.caller, conversation_id, body.sequence_id)
