"""Serving HTTP requests: the authorizer, the parsing of requests, and the declaration of routes.

`callers.py` identifies the caller, `rest/` has the routes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chalice.app import AuthRequest, AuthResponse, Blueprint, CORSConfig, Request, Response
from pydantic import BaseModel

from chalicelib import bootstrap
from chalicelib.core.conversations.prices import charged, price
from chalicelib.core.kernel.errors import ChatError, InvalidJson, PositionUnknown, Unauthorized, Unavailable
from chalicelib.core.log.positions import Positions
from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.model.creations import CreationKey
from chalicelib.core.protocol import idempotency, queries, requests
from chalicelib.core.realtime.outbox import Result
from chalicelib.edge.callers import Callers, Revocation, identify, principal_of, service_of
from chalicelib.edge.responses import history_headers, json_response, with_error_handling
from chalicelib.edge.routes import ROUTES, Responses, Route
from chalicelib.identity.credentials import InvalidCredentials, bearer_token
from chalicelib.identity.errors import diagnosis_of
from chalicelib.identity.model import Identity
from chalicelib.observability import logs
from chalicelib.observability.context import observer
from chalicelib.observability.invocation import invocation
from chalicelib.settings import current_settings

AUTHORIZER_CACHE_SECONDS = 300
CORS = CORSConfig(max_age=600, allow_headers=[idempotency.HEADER])
"""Browsers may send an idempotency key, and reuse the answer to a preflight request for this many seconds.

600 is the maximum of some.
"""
ANY_CONTENT_TYPE: list[str] = []
"""A body is read as JSON whatever its content type: `curl -d` sends that of a form."""


rest = Blueprint(__name__)
M = TypeVar("M", bound=BaseModel)


@rest.authorizer(ttl_seconds=AUTHORIZER_CACHE_SECONDS)
def auth(request: AuthRequest) -> AuthResponse | dict[str, Any]:
    """Verify the bearer token. An invalid one is denied without an error: API Gateway turns that into a 401.

    One that is revoked or of a suspended participant is only marked, as two routes of an erasure accept it.

    Raises Unavailable, which becomes a 500, if the token cannot be verified at the moment.
    """
    with invocation("auth"):
        try:
            identity = bootstrap.verifier()(bearer_token(request.token))
            if identity.service is not None:
                return _service_response(identity.service, identity.expires_at, identity.issued_at)
            rules = bootstrap.revocations().rules(identity.participant_id)
        except (Unauthorized, InvalidCredentials) as error:
            logs.log_refused_credential(diagnosis_of(error))
            return _denial(request)
        except Exception as error:  # noqa: BLE001 — logged here, and raised as Unavailable
            logs.log_failure(error)
            # Lambda logs the message of an exception, and the message of this one could hold a client's data.
            raise Unavailable from None
    context = {
        "participant_id": identity.participant_id,
        "expires_at": str(identity.expires_at),
        "issued_at": str(identity.issued_at),
    }
    if identity.is_revoked(rules.revoked_at):
        context["revoked"] = "true"
    if rules.suspended_at:
        context["suspended"] = "true"
    if identity.name is not None:
        context["name"] = identity.name
    if rules.type_of(identity.type) == "agent":
        context["type"] = "agent"
    return AuthResponse(routes=["*"], principal_id="participant", context=context)


def _service_response(client_id: str, expires_at: int, issued_at: int) -> AuthResponse:
    """Return that the caller is a service. The result is cached for the token, whatever the request contains."""
    context = {"service": client_id, "expires_at": str(expires_at), "issued_at": str(issued_at)}
    return AuthResponse(routes=["*"], principal_id="service", context=context)


def _denial(request: AuthRequest) -> dict[str, Any]:
    """Return an explicit denial of the whole stage: Chalice's response without routes has no resource."""
    stage = "/".join(request.method_arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": f"{stage}/*"}
    return {"principalId": "nobody", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


class AuthenticatedRequest:
    """A request with a verified identity.

    `caller` is the participant of a route for participants, `service` the service of a route for services.
    """

    def __init__(
        self, request: Request, callers: Callers = "participants", revocation: Revocation = "cached"
    ) -> None:
        self._request = request
        self.identity = identify(request, callers, revocation)
        observer.bind(participant_id=self.identity.participant_id, service=self.identity.service)

    @property
    def caller(self) -> Principal:
        """The participant who makes the request, or for whom a service makes it."""
        return principal_of(self.identity)

    @property
    def service(self) -> Service:
        """The service that makes the request, for no participant."""
        return service_of(self.identity)

    def body(self, model: type[M]) -> M:
        """Return the body. Raises TooLarge, InvalidJson, ValidationFailed."""
        try:
            raw = self._request.raw_body
        except UnicodeEncodeError:
            raise InvalidJson from None
        body = raw.encode() if isinstance(raw, str) else raw
        return requests.parse_body(model, body, current_settings().limits)

    def creation_key(self, body: BaseModel, caller: Principal) -> CreationKey | None:
        """Return the idempotency key of a creation, None without one. Raises ValidationFailed.

        The keys of services are independent, too.
        """
        key = idempotency.parse_idempotency_key(self._request.headers.get(idempotency.HEADER))
        if key is None:
            return None
        if caller.is_system:
            key = f"{caller.service}\0{key}"  # no key of a client has this character
        return CreationKey(caller.participant_id, key, idempotency.fingerprint(body))

    def query(self, model: type[M]) -> M:
        """Return the query string. Raises ValidationFailed.

        Raises PositionUnknown, Unavailable if a request that writes names sequence ids of another history.
        """
        query = self._request.query_params
        parsed = queries.parse_query(model, {name: query.getlist(name) for name in query} if query else {})
        if isinstance(parsed, queries.WriteQuery) and parsed.history_id is not None:
            Positions(bootstrap.application().runtime.history_id).require_current(parsed.history_id)
        return parsed


def _deliver(result: Result) -> None:
    """Deliver the pushes. A failure does not affect the response: the events are stored."""
    try:
        chat = bootstrap.application()
        chat.realtime.fan_out.deliver(result.pushes, within=chat.settings.timing.http_fan_out)
        if result.job is not None:
            chat.privacy.jobs.start(result.job)
    except Exception as error:  # noqa: BLE001 — readers recover by sync
        logs.log_failure(error)


def _charge(identity: Identity, request: str) -> None:
    """Charge a request to the caller's budget: also one that acts for a participant to that of the service."""
    sessions = bootstrap.application().sessions
    if identity.service is not None:
        sessions.service_budget.charge(identity.service, price(request))
    else:
        sessions.budget.charge(identity.participant_id, charged(request))


def route(
    method: str,
    path: str,
    responses: Responses,
    *,
    query: type[BaseModel] = queries.EmptyQuery,
    body: type[BaseModel] | None = None,
    errors: Sequence[type[ChatError]] = (),
    revocation: Revocation = "cached",
    callers: Callers = "participants",
    idempotent: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Declare a route with a verified caller.

    `callers` are participants, or services alone; `revocation` decides about revoked tokens. The view gets the
    request, the parameters of the path, and the declared `query` and `body`; models without fields are validated,
    but not passed, and `WriteQuery` is checked here. It returns a `Result` or a body, or a pair of a status and
    either. An `idempotent` route reads the header `Idempotency-Key`.
    """
    if issubclass(query, queries.WriteQuery):
        errors = (*errors, PositionUnknown)

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        ROUTES.append(Route(method, path, responses, query, body, errors, view, callers, idempotent))
        usual, name = next(iter(responses)), f"{method} {path}"

        @functools.wraps(view)
        def handler(**parameters: str) -> Response:
            request = rest.current_request

            def handle() -> Response:
                call = AuthenticatedRequest(request, callers, revocation)
                _charge(call.identity, name)
                parsed: dict[str, BaseModel] = {"query": call.query(query)}
                if body is not None:
                    parsed["body"] = call.body(body)
                arguments = {name: model for name, model in parsed.items() if _is_passed(type(model))}
                returned = view(call, **parameters, **arguments)
                status, result = returned if isinstance(returned, tuple) else (usual, returned)
                history = history_headers()
                if not isinstance(result, Result):
                    return json_response(status, result, history)
                _deliver(result)
                if result.error is not None:
                    raise result.error
                return json_response(status, result.response, history)

            return with_error_handling(request, handle, parameters.get("conversation_id", ""))

        registered: Callable[..., Response] = rest.route(
            path, methods=[method], authorizer=auth, cors=CORS, content_types=ANY_CONTENT_TYPE
        )(handler)
        return registered

    return decorate


def _is_passed(model: type[BaseModel]) -> bool:
    """Return whether a view gets the model."""
    return bool(model.model_fields) and model is not queries.WriteQuery


def public(path: str, responses: Responses) -> Callable[[Callable[[Request], Response]], Callable[[], Response]]:
    """Declare a GET that needs no credential. The view returns the response."""

    def decorate(view: Callable[[Request], Response]) -> Callable[[], Response]:
        ROUTES.append(Route("GET", path, responses, queries.EmptyQuery, None, (), view, "anyone"))

        @functools.wraps(view)
        def handler() -> Response:
            request = rest.current_request
            return with_error_handling(request, lambda: view(request))

        registered: Callable[[], Response] = rest.route(path, methods=["GET"], cors=CORS)(handler)
        return registered

    return decorate
