"""The HTTP API: routes to use cases. Who asks is what the authorizer says, and nothing else (L7)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from chalice.app import AuthRequest, AuthResponse, Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib import wiring
from chalicelib.core import json_text, requests
from chalicelib.core.errors import ChatError, Internal, NotFound, Unauthorized, Unavailable
from chalicelib.core.ids import is_conversation_id
from chalicelib.core.model import Caller
from chalicelib.core.pushes import Outcome
from chalicelib.identity.credentials import InvalidCredentials, bearer_token
from chalicelib.identity.model import Identity
from chalicelib.settings import SettingsError

from . import health, logs
from .context import observer
from .invocation import invocation

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


def _route(method: str, path: str, status: int = 200) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """A route for participants. The view gives an `Outcome` or an answer, or a pair of status and either."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        @functools.wraps(view)
        def handler(**parameters: str) -> Response:
            request = rest.current_request

            def act() -> Response:
                found = view(Call(request), **parameters)
                code, result = found if isinstance(found, tuple) else (status, found)
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


@_route("POST", "/conversations", 201)
def create_conversation(call: Call) -> Outcome:
    """Make a conversation."""
    call.query(requests.NoQuery)
    return wiring.application().conversations.create(call.caller, call.body(requests.CreateConversation))


@_route("GET", "/conversations")
def list_conversations(call: Call) -> Any:
    """The caller's conversations."""
    return wiring.application().conversations.list(call.caller, call.query(requests.ConversationsQuery))


@_route("GET", "/conversations/{conversation_id}")
def get_conversation(call: Call, conversation_id: str) -> Any:
    """One conversation with its participants and newest messages."""
    call.query(requests.NoQuery)
    return wiring.application().conversations.view(conversation_id, call.caller, messages=True)


@_route("PATCH", "/conversations/{conversation_id}")
def update_conversation(call: Call, conversation_id: str) -> Outcome:
    """Change title, policy or metadata."""
    call.query(requests.NoQuery)
    body = call.body(requests.UpdateConversation)
    return wiring.application().conversations.update(call.caller, conversation_id, body)


@_route("DELETE", "/conversations/{conversation_id}", 204)
def delete_conversation(call: Call, conversation_id: str) -> Outcome:
    """Delete it for everybody."""
    call.query(requests.NoQuery)
    return wiring.application().conversations.delete(call.caller, conversation_id)


@_route("POST", "/conversations/{conversation_id}/join")
def join_conversation(call: Call, conversation_id: str) -> Outcome:
    """Join as oneself. There are no invitations yet, so any is unknown."""
    call.query(requests.NoQuery)
    if call.body(requests.Join).invite is not None:
        raise NotFound
    return wiring.application().members.join(call.caller, conversation_id)


@_route("POST", "/conversations/{conversation_id}/leave")
def leave_conversation(call: Call, conversation_id: str) -> Outcome:
    """Leave."""
    call.query(requests.NoQuery)
    call.body(requests.Nothing)
    return wiring.application().members.leave(call.caller, conversation_id)


@_route("POST", "/conversations/{conversation_id}/participants", 201)
def add_participant(call: Call, conversation_id: str) -> Outcome:
    """Add somebody."""
    call.query(requests.NoQuery)
    return wiring.application().members.add(call.caller, conversation_id, call.body(requests.NewParticipant))


@_route("PATCH", "/conversations/{conversation_id}/participants")
def update_participant(call: Call, conversation_id: str) -> Outcome:
    """Give somebody a role."""
    who = call.query(requests.ParticipantQuery).participant_id
    role = call.body(requests.UpdateParticipant).role
    return wiring.application().members.set_role(call.caller, conversation_id, who, role)


@_route("DELETE", "/conversations/{conversation_id}/participants", 204)
def remove_participant(call: Call, conversation_id: str) -> Outcome:
    """Remove somebody."""
    who = call.query(requests.ParticipantQuery).participant_id
    outcome = wiring.application().members.remove(call.caller, conversation_id, who)
    return Outcome(None, outcome.pushes)


@_route("GET", "/conversations/{conversation_id}/messages")
def list_messages(call: Call, conversation_id: str) -> Any:
    """History."""
    query = call.query(requests.MessagesQuery)
    return wiring.application().reading.messages(call.caller, conversation_id, query)


@_route("GET", "/conversations/{conversation_id}/events")
def list_events(call: Call, conversation_id: str) -> Any:
    """The raw log."""
    query = call.query(requests.EventsQuery)
    return wiring.application().reading.events(call.caller, conversation_id, query)


@_route("POST", "/conversations/{conversation_id}/messages")
def send_message(call: Call, conversation_id: str) -> tuple[int, Outcome]:
    """Say something: 201 the event, or 200 the same for a repeat."""
    call.query(requests.NoQuery)
    sender = wiring.application().sender
    sent = sender.send(call.caller, conversation_id, call.body(requests.SendMessage))
    return 200 if sent.duplicate else 201, Outcome(sent.event, sender.pushes(sent))


@_route("PUT", "/conversations/{conversation_id}/read")
def move_read_pointer(call: Call, conversation_id: str) -> Outcome:
    """Move one's read pointer."""
    call.query(requests.NoQuery)
    sequence_id = call.body(requests.MoveReadPointer).sequence_id
    return wiring.application().reading.read(call.caller, conversation_id, sequence_id)


@_route("POST", "/tickets", 201)
def create_ticket(call: Call) -> Any:
    """A ticket to open a socket with."""
    call.query(requests.NoQuery)
    call.body(requests.Nothing)
    return wiring.application().tickets.give(call.identity)


@rest.route("/health", methods=["GET"], cors=True)
def get_health() -> Response:
    """Whether the service and its store answer; needs no credential."""
    return _guarded(rest.current_request, lambda: _answer(*health.check(wiring.application())))
