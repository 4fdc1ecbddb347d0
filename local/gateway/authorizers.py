"""Lambda authorizers: how their answer becomes a grant, a refusal or an error of the gateway.

Source: "Output from an API Gateway Lambda authorizer": ``principalId``, ``policyDocument`` and a flat
``context`` whose values reach the integration as strings. The same rules hold for the TOKEN authorizer of
the REST API and the REQUEST authorizer of the WebSocket API.

    AuthorizerError
    ├── Unauthorized             it raised exactly "Unauthorized": 401
    ├── AuthorizerMisconfigured  it raised anything else, or its answer is no policy: 500
    └── AuthorizerUnavailable    it did not answer in time, or could not be invoked: 500
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from local.gateway.functions import FunctionFailed, Functions, Handler, InvocationError
from local.gateway.policy import InvalidPolicy, Verdict, evaluate

log = logging.getLogger(__name__)


class AuthorizerError(Exception):
    """The authorizer brought no decision."""


class Unauthorized(AuthorizerError):
    """The authorizer raised ``Exception("Unauthorized")``."""


class AuthorizerMisconfigured(AuthorizerError):
    """The authorizer failed, or its answer cannot be used."""


class AuthorizerUnavailable(AuthorizerError):
    """The authorizer could not be asked."""


@dataclass(frozen=True)
class AuthorizerDecision:
    """A usable answer: who it is, what goes to the integration, and the policy to evaluate."""

    context: dict[str, str | None]
    policy: Any

    def verdict(self, arn: str) -> Verdict:
        """What the policy says about ``arn``."""
        return evaluate(self.policy, arn)


def _context_string(value: Any) -> str | None:
    """A context value as the integration sees it: everything is a string, null stays null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise AuthorizerMisconfigured("a context value is neither a string, a number, a boolean nor null")


def parse_response(response: Any, max_bytes: int) -> AuthorizerDecision:
    """Check an authorizer's answer.

    Raises:
        AuthorizerMisconfigured: It has not the shape of one, or is larger than ``max_bytes`` as JSON.
    """
    if not isinstance(response, dict) or not isinstance(response.get("principalId"), str):
        raise AuthorizerMisconfigured("the answer must be an object with a principalId")
    context = response.get("context") or {}
    if not isinstance(context, dict):
        raise AuthorizerMisconfigured("context must be an object")
    if len(json.dumps(response)) > max_bytes:
        raise AuthorizerMisconfigured(f"the answer is larger than {max_bytes} bytes")
    policy = response.get("policyDocument")
    try:
        evaluate(policy, "")
    except InvalidPolicy as exc:
        raise AuthorizerMisconfigured(str(exc)) from exc
    strings = {name: _context_string(value) for name, value in context.items()}
    return AuthorizerDecision({**strings, "principalId": response["principalId"]}, policy)


async def invoke_authorizer(
    functions: Functions, name: str, handler: Handler, event: dict[str, Any], max_bytes: int
) -> AuthorizerDecision:
    """Invoke an authorizer.

    Raises:
        AuthorizerError: One of its three kinds.
    """
    try:
        response = await functions.invoke(name, handler, event)
        return parse_response(response, max_bytes)
    except FunctionFailed as exc:
        if exc.error_message == "Unauthorized":
            raise Unauthorized from exc
        raise AuthorizerMisconfigured(exc.error_type) from exc
    except InvocationError as exc:
        raise AuthorizerUnavailable(type(exc).__name__) from exc
    except AuthorizerMisconfigured as exc:
        log.error("authorizer %s: %s", name, exc)
        raise
