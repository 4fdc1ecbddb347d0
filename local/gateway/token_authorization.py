"""Authorization of REST requests by a TOKEN authorizer, with API Gateway's cache of responses.

Source: "Use API Gateway Lambda authorizers": a response is cached by token for the authorizer's TTL, and the
cached *policy* is evaluated for every method, so a policy that allows one method denies the others.
"""

from itertools import takewhile
from typing import Any

from local.gateway.authorizers import AuthorizerDecision, invoke_authorizer
from local.gateway.events import token_authorizer_event
from local.gateway.rest import TokenAuthorizer
from local.gateway.runtime import Runtime


class TokenAuthorization:
    """Invokes authorizers and caches their responses."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._cache: dict[tuple[str, str], tuple[float, AuthorizerDecision]] = {}

    def __len__(self) -> int:
        """Return the number of cached responses."""
        return len(self._cache)

    async def check(
        self, authorizer: TokenAuthorizer, token: str, method: str, path: str
    ) -> tuple[bool, dict[str, Any]]:
        """Return whether the method is allowed, and the content of ``requestContext.authorizer``.

        Raises:
            AuthorizerError: There is no valid response.
        """
        settings = self._runtime.settings
        prefix = f"arn:aws:execute-api:{settings.region}:{settings.account_id}:{settings.rest_api_id}"
        arn = f"{prefix}/{settings.stage}/{method}/{path[1:]}"
        started = self._runtime.clock.monotonic()
        decision = self._cached(authorizer, token, started)
        latency = 0
        if decision is None:
            self._runtime.counters["rest.authorizations"] += 1
            event = token_authorizer_event(arn, token)
            limit = settings.max_authorizer_result_bytes
            decision = await invoke_authorizer(
                self._runtime.functions, authorizer.name, authorizer.handler, event, limit
            )
            now = self._runtime.clock.monotonic()
            latency = int((now - started) * 1000)
            self._store(authorizer, token, now, decision)
        return decision.allows(arn), {**decision.context, "integrationLatency": latency}

    def _cached(self, authorizer: TokenAuthorizer, token: str, now: float) -> AuthorizerDecision | None:
        expires, decision = self._cache.get((authorizer.name, token), (0.0, None))
        return decision if now < expires else None

    def _store(self, authorizer: TokenAuthorizer, token: str, now: float, decision: AuthorizerDecision) -> None:
        self._cache.pop((authorizer.name, token), None)  # keeps the entries in order of expiry
        for key in list(takewhile(lambda key: self._cache[key][0] <= now, self._cache)):
            del self._cache[key]
        self._cache[authorizer.name, token] = (now + authorizer.ttl, decision)
