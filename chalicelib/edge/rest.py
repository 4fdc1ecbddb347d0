"""The HTTP API: routes to use cases. Who asks is what the authorizer says, and nothing else (L7)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chalice.app import AuthRequest, AuthResponse, Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib import wiring
from chalicelib.core import json_text, requests
from chalicelib.core.errors import (
    AlreadyParticipant,
    Banned,
    ChatError,
    ConversationBusy,
    ErasureRunning,
    Forbidden,
    Internal,
    LastOwner,
    Muted,
    NotFound,
    ParticipantLimit,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from chalicelib.core.ids import is_conversation_id
from chalicelib.core.model import Caller
from chalicelib.core.pushes import Outcome
from chalicelib.identity.credentials import InvalidCredentials, bearer_token
from chalicelib.identity.model import Identity
from chalicelib.settings import SettingsError

from . import health, logs, openapi
from .context import observer
from .invocation import invocation
from .routes import ROUTES, Answers, Route

AUTHORIZER_CACHE_SECONDS = 300
JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
ANY_CONTENT_TYPE: list[str] = []
"""A body is read as JSON whatever it is called: `curl -d` calls it a form."""

rest = Blueprint(__name__)
M = TypeVar("M", bound=BaseModel)


@rest.authorizer(ttl_seconds=AUTHORIZER_CACHE_SECONDS)
def auth(request: AuthRequest) -> AuthResponse:
    """Verify the bearer token. A deny, not an error, is what API Gateway can turn into our 401.

    Raises Unavailable, which becomes 500, if it cannot be said who it is.
    """
    with invocation("auth"):
        try:
            identity = wiring.verifier()(bearer_token(request.token))
        except (Unauthorized, InvalidCredentials):
            return AuthResponse(routes=[], principal_id="nobody")
        except Exception as error:  # noqa: BLE001 — raised again below, as something harmless
            logs.failure(error)
            # Lambda writes down the message of what a function raises: this one says nothing.
            raise Unavailable from None
    context = {"participant_id": identity.participant_id, "expires_at": str(identity.expires_at)}
    if identity.name is not None:
        context["name"] = identity.name
    return AuthResponse(routes=["*"], principal_id="participant", context=context)


class Call:
    """One request: who asks, and what."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.identity = _identity(request)
        self.caller = Caller(self.identity.participant_id, self.identity.name)
        observer.about(participant_id=self.identity.participant_id)

    def body(self, model: type[M]) -> M:
        """The body. Raises TooLarge, InvalidJson, ValidationFailed."""
        raw = self._request.raw_body
        body = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
        return requests.parse_body(model, body, wiring.settings().limits)

    def query(self, model: type[M]) -> M:
        """The query string. Raises ValidationFailed."""
        query = self._request.query_params
        return requests.parse_query(model, {name: query.getlist(name) for name in query} if query else {})


def _identity(request: Request) -> Identity:
    """What the authorizer handed on. It may come from a cache, so the expiry is looked at again."""
    context = request.context.get("authorizer") or {}
    participant_id, expires_at = context.get("participant_id"), context.get("expires_at")
    if not participant_id or expires_at is None:
        raise Unauthorized
    identity = Identity(participant_id, context.get("name"), int(float(expires_at)))
    if identity.expires_at + wiring.settings().identity.leeway <= wiring.application().clock.now():
        raise Unauthorized("The token has expired.")
    return identity


def _cors(request: Request) -> dict[str, str]:
    """Which page may read the answer, where not every one may; Chalice's own header says `*`."""
    try:
        origins = wiring.settings().allowed_origins
    except SettingsError:
        # It is answered with INTERNAL and logged by then; that answer must not fail as well.
        return {}
    if origins == ("*",):
        return {}
    asking = request.headers.get("origin", "")
    return {"Access-Control-Allow-Origin": asking if asking in origins else origins[0], "Vary": "Origin"}


def _answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    text = "" if body is None else json_text.dumps(body)
    return Response(body=text, status_code=status, headers={**JSON, **(headers or {})})


def _guarded(request: Request, act: Callable[[], Response], conversation_id: str = "") -> Response:
    """The one place where errors become answers, and where all answers pass."""
    # Of a path only what looks like an id is noted: a client may write anything there.
    about = conversation_id if is_conversation_id(conversation_id) else None
    with invocation("api", request_id=request.context.get("requestId"), conversation_id=about):
        return _answered(request, act)


def _answered(request: Request, act: Callable[[], Response]) -> Response:
    request_id = str(request.context.get("requestId") or "")
    try:
        response = act()
        response.headers.update(_cors(request))
        return response
    except ChatError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 — a defect of ours; the answer carries nothing but the request id
        problem = Internal()
        problem.__cause__ = error
    if problem.status >= 500:
        logs.failure(problem)
    headers = _cors(request)
    if problem.retry_after is not None:
        headers |= {
            "Retry-After": str(max(round(problem.retry_after), 1)),
            "Access-Control-Expose-Headers": "Retry-After",
        }
    return _answer(problem.status, {"error": problem.body(), "request_id": request_id}, headers)


def _push(outcome: Outcome) -> None:
    """Carry out the pushes. What was done stands, whether they get through or not."""
    try:
        chat = wiring.application()
        chat.delivery.deliver(outcome.pushes, within=chat.settings.timing.http_fan_out)
    except Exception as error:  # noqa: BLE001 — its readers recover by sync
        logs.failure(error)


def _route(
    method: str,
    path: str,
    answers: Answers,
    *,
    query: type[BaseModel] = requests.NoQuery,
    body: type[BaseModel] | None = None,
    refuses: Sequence[type[ChatError]] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """A route for participants. The view gives an `Outcome` or an answer, or a pair of status and either.

    It gets the call, what stands in the path, and as `query` and `body` what was declared so; a model without
    fields is checked, but there is nothing of it to hand on.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        ROUTES.append(Route(method, path, answers, query, body, refuses, view))
        usual = next(iter(answers))

        @functools.wraps(view)
        def handler(**parameters: str) -> Response:
            request = rest.current_request

            def act() -> Response:
                call = Call(request)
                said: dict[str, BaseModel] = {"query": call.query(query)}
                if body is not None:
                    said["body"] = call.body(body)
                given = {name: each for name, each in said.items() if type(each).model_fields}
                found = view(call, **parameters, **given)
                code, result = found if isinstance(found, tuple) else (usual, found)
                if not isinstance(result, Outcome):
                    return _answer(code, result)
                _push(result)
                if result.problem is not None:
                    raise result.problem
                return _answer(code, result.answer)

            return _guarded(request, act, parameters.get("conversation_id", ""))

        registered: Callable[..., Response] = rest.route(
            path, methods=[method], authorizer=auth, cors=True, content_types=ANY_CONTENT_TYPE
        )(handler)
        return registered

    return decorate


@_route(
    "POST",
    "/conversations",
    {201: "Conversation"},
    body=requests.CreateConversation,
    refuses=(ErasureRunning, ConversationBusy),
)
def create_conversation(call: Call, body: requests.CreateConversation) -> Outcome:
    """Make a conversation."""
    return wiring.application().conversations.create(call.caller, body)


@_route("GET", "/conversations", {200: "ConversationList"}, query=requests.ConversationsQuery)
def list_conversations(call: Call, query: requests.ConversationsQuery) -> Any:
    """The caller's conversations."""
    return wiring.application().conversations.list(call.caller, query)


@_route("GET", "/conversations/{conversation_id}", {200: "Conversation"})
def get_conversation(call: Call, conversation_id: str) -> Any:
    """One conversation with its participants and newest messages."""
    return wiring.application().conversations.view(conversation_id, call.caller, messages=True)


@_route(
    "PATCH",
    "/conversations/{conversation_id}",
    {200: "Conversation"},
    body=requests.UpdateConversation,
    refuses=(Forbidden,),
)
def update_conversation(call: Call, conversation_id: str, body: requests.UpdateConversation) -> Outcome:
    """Change title, policy, metadata or retention."""
    outcome = wiring.application().conversations.update(call.caller, conversation_id, body)
    if "retention_days" in body.model_fields_set:
        wiring.application().jobs.look_soon(conversation_id)
    return outcome


@_route("DELETE", "/conversations/{conversation_id}", {204: None}, refuses=(Forbidden,))
def delete_conversation(call: Call, conversation_id: str) -> Outcome:
    """Delete it for everybody."""
    return wiring.application().conversations.delete(call.caller, conversation_id)


@_route(
    "POST",
    "/conversations/{conversation_id}/join",
    {200: "Conversation"},
    body=requests.Join,
    refuses=(AlreadyParticipant, ErasureRunning, ParticipantLimit),
)
def join_conversation(call: Call, conversation_id: str, body: requests.Join) -> Outcome:
    """Join as oneself, by an invite or because it is open."""
    return wiring.application().members.join(call.caller, conversation_id, body.invite)


@_route(
    "POST",
    "/conversations/{conversation_id}/leave",
    {200: "Remaining"},
    body=requests.Nothing,
)
def leave_conversation(call: Call, conversation_id: str) -> Outcome:
    """Leave."""
    return wiring.application().members.leave(call.caller, conversation_id)


@_route(
    "POST",
    "/conversations/{conversation_id}/participants",
    {201: "Participant"},
    body=requests.NewParticipant,
    refuses=(Forbidden, AlreadyParticipant, Banned, ParticipantLimit),
)
def add_participant(call: Call, conversation_id: str, body: requests.NewParticipant) -> Outcome:
    """Add somebody."""
    return wiring.application().members.add(call.caller, conversation_id, body)


@_route(
    "PATCH",
    "/conversations/{conversation_id}/participants",
    {200: "Participant"},
    query=requests.ParticipantQuery,
    body=requests.UpdateParticipant,
    refuses=(Forbidden, LastOwner),
)
def update_participant(
    call: Call, conversation_id: str, query: requests.ParticipantQuery, body: requests.UpdateParticipant
) -> Outcome:
    """Give somebody a role, mute or unmute them."""
    return wiring.application().moderation.update(call.caller, conversation_id, query.participant_id, body)


@_route(
    "DELETE",
    "/conversations/{conversation_id}/participants",
    {204: None},
    query=requests.RemoveParticipantQuery,
    refuses=(Forbidden,),
)
def remove_participant(call: Call, conversation_id: str, query: requests.RemoveParticipantQuery) -> Outcome:
    """Remove somebody; with `ban` for good, in or not."""
    if query.ban == "true":
        return wiring.application().moderation.ban(call.caller, conversation_id, query.participant_id)
    outcome = wiring.application().members.remove(call.caller, conversation_id, query.participant_id)
    return Outcome(None, outcome.pushes)


@_route(
    "GET",
    "/conversations/{conversation_id}/bans",
    {200: "Bans"},
    query=requests.PageQuery,
    refuses=(Forbidden,),
)
def list_bans(call: Call, conversation_id: str, query: requests.PageQuery) -> Any:
    """Who is banned."""
    return wiring.application().moderation.bans(call.caller, conversation_id, query)


@_route(
    "DELETE",
    "/conversations/{conversation_id}/bans",
    {204: None},
    query=requests.ParticipantQuery,
    refuses=(Forbidden,),
)
def lift_ban(call: Call, conversation_id: str, query: requests.ParticipantQuery) -> Outcome:
    """Let somebody come in again who was banned."""
    return wiring.application().moderation.unban(call.caller, conversation_id, query.participant_id)


@_route(
    "POST",
    "/conversations/{conversation_id}/invites",
    {201: "NewInvite"},
    body=requests.CreateInvite,
    refuses=(Forbidden,),
)
def create_invite(call: Call, conversation_id: str, body: requests.CreateInvite) -> Any:
    """A link by which others may join; its secret is told here and never again."""
    return wiring.application().invites.create(call.caller, conversation_id, body)


@_route(
    "GET",
    "/conversations/{conversation_id}/invites",
    {200: "Invites"},
    query=requests.PageQuery,
    refuses=(Forbidden,),
)
def list_invites(call: Call, conversation_id: str, query: requests.PageQuery) -> Any:
    """The invites that have not expired, without their secrets."""
    return wiring.application().invites.list(call.caller, conversation_id, query)


@_route("DELETE", "/conversations/{conversation_id}/invites/{invite}", {204: None}, refuses=(Forbidden,))
def revoke_invite(call: Call, conversation_id: str, invite: str) -> None:
    """End an invite, named by its secret or its `invite_id`."""
    wiring.application().invites.revoke(call.caller, conversation_id, invite)


@_route(
    "GET",
    "/conversations/{conversation_id}/audit",
    {200: "Audit"},
    query=requests.AuditQuery,
    refuses=(Forbidden,),
)
def list_audit(call: Call, conversation_id: str, query: requests.AuditQuery) -> Any:
    """Who used which right, on whom."""
    return wiring.application().moderation.audit(call.caller, conversation_id, query)


@_route("GET", "/conversations/{conversation_id}/messages", {200: "Messages"}, query=requests.MessagesQuery)
def list_messages(call: Call, conversation_id: str, query: requests.MessagesQuery) -> Any:
    """History."""
    return wiring.application().reading.messages(call.caller, conversation_id, query)


@_route("GET", "/conversations/{conversation_id}/events", {200: "Events"}, query=requests.EventsQuery)
def list_events(call: Call, conversation_id: str, query: requests.EventsQuery) -> Any:
    """The raw log."""
    return wiring.application().reading.events(call.caller, conversation_id, query)


@_route(
    "POST",
    "/conversations/{conversation_id}/messages",
    {201: "MessageEvent", 200: "MessageEvent"},
    body=requests.SendMessage,
    refuses=(Muted, RateLimited),
)
def send_message(call: Call, conversation_id: str, body: requests.SendMessage) -> tuple[int, Outcome]:
    """Say something: 201 the event, or 200 the same for a repeat."""
    sender = wiring.application().sender
    sent = sender.send(call.caller, conversation_id, body)
    return 200 if sent.duplicate else 201, Outcome(sent.event, sender.pushes(sent))


_MESSAGE = "/conversations/{conversation_id}/messages/{sequence_id}"


def _number(sequence_id: str) -> int:
    """A sequence id in a path. What is none is the id of nothing."""
    if re.fullmatch("[1-9][0-9]{0,15}", sequence_id) is None:
        raise NotFound
    return int(sequence_id)


@_route(
    "PATCH",
    _MESSAGE,
    {200: "MessageEvent"},
    body=requests.EditMessage,
    refuses=(Forbidden, Muted, RateLimited),
)
def edit_message(call: Call, conversation_id: str, sequence_id: str, body: requests.EditMessage) -> Outcome:
    """Give a message of one's own another content: the message as it now is."""
    target = _number(sequence_id)
    changed = wiring.application().changing.edit(call.caller, conversation_id, target, body, missing=NotFound)
    return Outcome(changed.message, changed.pushes)


@_route("DELETE", _MESSAGE, {204: None}, refuses=(Forbidden, RateLimited))
def delete_message(call: Call, conversation_id: str, sequence_id: str) -> Outcome:
    """Take back all that a message says; owners and moderators may that of others, too."""
    target = _number(sequence_id)
    changed = wiring.application().changing.delete(call.caller, conversation_id, target, missing=NotFound)
    return Outcome(None, changed.pushes)


@_route("GET", f"{_MESSAGE}/reactions", {200: "Reactions"}, query=requests.ReactionsQuery)
def list_reactions(call: Call, conversation_id: str, sequence_id: str, query: requests.ReactionsQuery) -> Any:
    """Who reacted to a message, and with what."""
    return wiring.application().reading.reactions(call.caller, conversation_id, _number(sequence_id), query)


@_route("PUT", f"{_MESSAGE}/reactions", {204: None}, query=requests.EmojiQuery, refuses=(Muted, RateLimited))
def add_reaction(call: Call, conversation_id: str, sequence_id: str, query: requests.EmojiQuery) -> Outcome:
    """React to a message."""
    target = _number(sequence_id)
    changed = wiring.application().changing.react(
        call.caller, conversation_id, target, query.emoji, missing=NotFound
    )
    return Outcome(None, changed.pushes)


@_route("DELETE", f"{_MESSAGE}/reactions", {204: None}, query=requests.EmojiQuery, refuses=(Muted, RateLimited))
def remove_reaction(call: Call, conversation_id: str, sequence_id: str, query: requests.EmojiQuery) -> Outcome:
    """Take a reaction back."""
    target = _number(sequence_id)
    changed = wiring.application().changing.unreact(
        call.caller, conversation_id, target, query.emoji, missing=NotFound
    )
    return Outcome(None, changed.pushes)


@_route("PUT", "/conversations/{conversation_id}/read", {200: "ReadPointer"}, body=requests.MoveReadPointer)
def move_read_pointer(call: Call, conversation_id: str, body: requests.MoveReadPointer) -> Outcome:
    """Move one's read pointer."""
    return wiring.application().reading.read(call.caller, conversation_id, body.sequence_id)


@_route("GET", "/me/export", {200: "Export"}, query=requests.ExportQuery)
def export_data(call: Call, query: requests.ExportQuery) -> Any:
    """The caller's own data, a page at a time."""
    return wiring.application().export.page(call.caller, query)


@_route("DELETE", "/me", {202: "Erasure"}, refuses=(ConversationBusy,))
def erase_participant(call: Call) -> Any:
    """Erase the caller everywhere; asked again while it runs: the same erasure."""
    return wiring.application().jobs.erase(call.caller)


@_route("GET", "/me/erasure", {200: "Erasure"}, refuses=(NotFound,))
def get_erasure(call: Call) -> Any:
    """How far that has got."""
    return wiring.application().erasure.status(call.caller)


@_route("POST", "/tickets", {201: "Ticket"}, body=requests.Nothing)
def create_ticket(call: Call) -> Any:
    """A ticket to open a socket with."""
    return wiring.application().tickets.give(call.identity)


def _public(path: str, answers: Answers) -> Callable[[Callable[[Request], Response]], Callable[[], Response]]:
    """A GET that needs no credential; its view makes the whole response."""

    def decorate(view: Callable[[Request], Response]) -> Callable[[], Response]:
        ROUTES.append(Route("GET", path, answers, requests.NoQuery, None, (), view, public=True))

        @functools.wraps(view)
        def handler() -> Response:
            request = rest.current_request
            return _guarded(request, lambda: view(request))

        registered: Callable[[], Response] = rest.route(path, methods=["GET"], cors=True)(handler)
        return registered

    return decorate


@_public("/health", {200: "Health", 503: "Health"})
def get_health(_: Request) -> Response:
    """Whether the service and its store answer; needs no credential."""
    return _answer(*health.check(wiring.application()))


@_public("/openapi.json", {200: "OpenApi", 304: None})
def get_openapi(request: Request) -> Response:
    """The OpenAPI document of this API; needs no credential."""
    tag, text = openapi.document()
    headers: dict[str, str | list[str]] = {"Cache-Control": "public, max-age=300", "ETag": tag}
    if openapi.is_known(request.headers.get("if-none-match", ""), tag):
        return Response(body="", status_code=304, headers=headers)
    return Response(body=text, headers={**headers, "Content-Type": "application/json"})
