"""Lambda authorizers: their invocation, and the decision or error that follows from the response.

Source: "Output from an API Gateway Lambda authorizer": ``principalId``, ``policyDocument`` and a flat ``context``
whose values reach the integration as strings. The rules are the same for the REST API's TOKEN authorizer and the
WebSocket API's REQUEST authorizer.

    AuthorizerError
    ├── Unauthorized             it raised exactly "Unauthorized": 401
    ├── AuthorizerMisconfigured  it raised another error, or its response is invalid: 500
    └── AuthorizerUnavailable    it timed out, or could not be invoked: 500
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from local.gateway.functions import FunctionFailed, Functions, GatewayOverloaded, Handler, InvocationError
from local.policy import InvalidPolicy, Policy, parse_authorizer_policy

log = logging.getLogger(__name__)


class AuthorizerError(Exception):
    """The authorizer made no decision."""


class Unauthorized(AuthorizerError):
    """The authorizer raised ``Exception("Unauthorized")``."""


class AuthorizerMisconfigured(AuthorizerError):
    """The authorizer failed, or its response is invalid."""


class AuthorizerUnavailable(AuthorizerError):
    """The authorizer could not be invoked, or timed out."""


@dataclass(frozen=True)
class AuthorizerDecision:
    """A valid response: the context for the integration, with the principal id, and the policy to evaluate."""

    context: dict[str, str | None]
    policy: Policy

    def allows(self, arn: str) -> bool:
        """Return whether the policy allows the invocation of the method or route ``arn``."""
        return self.policy.allows("execute-api:Invoke", arn)


def _context_string(value: Any) -> str | None:
    """Return a context value as the integration receives it: a string, or None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise AuthorizerMisconfigured("a context value must be a string, a number, a boolean or null")


def parse_response(response: Any, max_bytes: int) -> AuthorizerDecision:
    """Validate an authorizer's response.

    Raises:
        AuthorizerMisconfigured: It has the wrong shape, or exceeds ``max_bytes`` as JSON.
    """
    if not isinstance(response, dict) or not isinstance(response.get("principalId"), str):
        raise AuthorizerMisconfigured("the response must be an object with a principalId")
    context = response.get("context") or {}
    if not isinstance(context, dict):
        raise AuthorizerMisconfigured("context must be an object")
    if len(json.dumps(response)) > max_bytes:
        raise AuthorizerMisconfigured(f"the response exceeds {max_bytes} bytes")
    try:
        policy = parse_authorizer_policy(response.get("policyDocument"))
    except InvalidPolicy as exc:
        raise AuthorizerMisconfigured(str(exc)) from exc
    strings = {name: _context_string(value) for name, value in context.items()}
    return AuthorizerDecision({**strings, "principalId": response["principalId"]}, policy)


async def invoke_authorizer(
    functions: Functions, name: str, handler: Handler, event: dict[str, Any], max_bytes: int
) -> AuthorizerDecision:
    """Invoke an authorizer and return its decision.

    Raises:
        AuthorizerError: There is no decision; one of the three subclasses.
        GatewayOverloaded: The authorizer was not invoked.
    """
    try:
        response = await functions.invoke(name, handler, event)
        return parse_response(response, max_bytes)
    except FunctionFailed as exc:
        if exc.error_message == "Unauthorized":
            raise Unauthorized from exc
        raise AuthorizerMisconfigured(exc.error_type) from exc
    except GatewayOverloaded:
        raise
    except InvocationError as exc:
        raise AuthorizerUnavailable(type(exc).__name__) from exc
    except AuthorizerMisconfigured as exc:
        log.error("authorizer %s: %s", name, exc)
        raise
