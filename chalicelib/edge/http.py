"""How HTTP requests are served: who asks, what they sent, and how errors become answers; `rest.py` says what for.

Who asks is what the authorizer says, and nothing else (L7).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chalice.app import AuthRequest, AuthResponse, Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib import bootstrap
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import ChatError, Internal, Unauthorized, Unavailable
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol import requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.identity.credentials import InvalidCredentials, bearer_token
from chalicelib.identity.model import Identity
from chalicelib.observability import logs
from chalicelib.observability.context import observer
from chalicelib.observability.invocation import invocation
from chalicelib.settings import SettingsError, current_settings

from .routes import ROUTES, Responses, Route

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
            identity = bootstrap.verifier()(bearer_token(request.token))
        except (Unauthorized, InvalidCredentials):
            return AuthResponse(routes=[], principal_id="nobody")
        except Exception as error:  # noqa: BLE001 — raised again below, as something harmless
            logs.log_failure(error)
            # Lambda writes down the message of what a function raises: this one says nothing.
            raise Unavailable from None
    context = {"participant_id": identity.participant_id, "expires_at": str(identity.expires_at)}
    if identity.name is not None:
        context["name"] = identity.name
    return AuthResponse(routes=["*"], principal_id="participant", context=context)


class AuthenticatedRequest:
    """One request: who asks, and what."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.identity = _identity(request)
        self.caller = Principal(self.identity.participant_id, self.identity.name)
        observer.bind(participant_id=self.identity.participant_id)

    def body(self, model: type[M]) -> M:
        """The body. Raises TooLarge, InvalidJson, ValidationFailed."""
        raw = self._request.raw_body
        body = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
        return requests.parse_body(model, body, current_settings().limits)

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
    if identity.expires_at + current_settings().identity.leeway <= bootstrap.application().runtime.clock.now():
        raise Unauthorized("The token has expired.")
    return identity


def _cors(request: Request) -> dict[str, str]:
    """Which page may read the answer, where not every one may; Chalice's own header says `*`."""
    try:
        origins = current_settings().allowed_origins
    except SettingsError:
        # It is answered with INTERNAL and logged by then; that answer must not fail as well.
        return {}
    if origins == ("*",):
        return {}
    asking = request.headers.get("origin", "")
    return {"Access-Control-Allow-Origin": asking if asking in origins else origins[0], "Vary": "Origin"}


def json_response(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON; without a body if that is None."""
    text = "" if body is None else json_codec.dumps(body)
    return Response(body=text, status_code=status, headers={**JSON, **(headers or {})})


def _with_error_handling(request: Request, act: Callable[[], Response], conversation_id: str = "") -> Response:
    """The one place where errors become answers, and where all answers pass."""
    # Of a path only what looks like an id is noted: a client may write anything there.
    about = conversation_id if is_conversation_id(conversation_id) else None
    with invocation("api", request_id=request.context.get("requestId"), conversation_id=about):
        return _respond(request, act)


def _respond(request: Request, act: Callable[[], Response]) -> Response:
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
        logs.log_failure(problem)
    headers = _cors(request)
    if problem.retry_after is not None:
        headers |= {
            "Retry-After": str(max(round(problem.retry_after), 1)),
            "Access-Control-Expose-Headers": "Retry-After",
        }
    return json_response(problem.status, {"error": problem.body(), "request_id": request_id}, headers)


def _push(outcome: Result) -> None:
    """Carry out the pushes. What was done stands, whether they get through or not."""
    try:
        chat = bootstrap.application()
        chat.realtime.fan_out.deliver(outcome.pushes, within=chat.settings.timing.http_fan_out)
    except Exception as error:  # noqa: BLE001 — its readers recover by sync
        logs.log_failure(error)


def route(
    method: str,
    path: str,
    responses: Responses,
    *,
    query: type[BaseModel] = requests.EmptyQuery,
    body: type[BaseModel] | None = None,
    errors: Sequence[type[ChatError]] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """A route for participants. The view gives an `Outcome` or an answer, or a pair of status and either.

    It gets the call, what stands in the path, and as `query` and `body` what was declared so; a model without
    fields is checked, but there is nothing of it to hand on.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        ROUTES.append(Route(method, path, responses, query, body, errors, view))
        usual = next(iter(responses))

        @functools.wraps(view)
        def handler(**parameters: str) -> Response:
            request = rest.current_request

            def act() -> Response:
                call = AuthenticatedRequest(request)
                said: dict[str, BaseModel] = {"query": call.query(query)}
                if body is not None:
                    said["body"] = call.body(body)
                given = {name: each for name, each in said.items() if type(each).model_fields}
                found = view(call, **parameters, **given)
                code, result = found if isinstance(found, tuple) else (usual, found)
                if not isinstance(result, Result):
                    return json_response(code, result)
                _push(result)
                if result.error is not None:
                    raise result.error
                return json_response(code, result.response)

            return _with_error_handling(request, act, parameters.get("conversation_id", ""))

        registered: Callable[..., Response] = rest.route(
            path, methods=[method], authorizer=auth, cors=True, content_types=ANY_CONTENT_TYPE
        )(handler)
        return registered

    return decorate


def public(path: str, responses: Responses) -> Callable[[Callable[[Request], Response]], Callable[[], Response]]:
    """A GET that needs no credential; its view makes the whole response."""

    def decorate(view: Callable[[Request], Response]) -> Callable[[], Response]:
        ROUTES.append(Route("GET", path, responses, requests.EmptyQuery, None, (), view, public=True))

        @functools.wraps(view)
        def handler() -> Response:
            request = rest.current_request
            return _with_error_handling(request, lambda: view(request))

        registered: Callable[[], Response] = rest.route(path, methods=["GET"], cors=True)(handler)
        return registered

    return decorate
