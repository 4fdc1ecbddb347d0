"""The REST API: authorizers, and the cache of their policies."""

import asyncio
import threading
from typing import Any

import pytest

from local.gateway import Gateway, GatewaySettings, Route, TokenAuthorizer
from local.gateway.ids import Ids
from local.gateway.runtime import Runtime
from local.gateway.token_authorization import TokenAuthorization
from tests.gateway.rest_api import ARN, TOKEN, api, error, ok

from .conftest import Serve
from .support import DEADLINE, Event, FakeFunction, ManualClock, Reply, allow, fetch, unless_throttled


class Guarded:
    """An API of two resources behind one authorizer."""

    def __init__(self, serve: Serve, answer: Any, *, ttl: float = 300.0, **options: Any) -> None:
        self.authorizer = FakeFunction(answer)
        guard = TokenAuthorizer("auth", self.authorizer, ttl=ttl)
        self.function = FakeFunction(ok())
        routes = (Route("/things", "GET", guard), Route("/things/{thing}", "PUT", guard))
        self.gateway: Gateway = serve(api(self.function, *routes), **options)

    def list(self, headers: dict[str, str] = TOKEN) -> Reply:
        return fetch(f"{self.gateway.http_url}/things?x=1", headers=headers)

    def put(self) -> Reply:
        return fetch(f"{self.gateway.http_url}/things/a%20b", "PUT", headers=TOKEN)


def allow_all(_event: Event) -> Event:
    return allow(f"{ARN}/*")


def test_authorizer_event_has_type_method_arn_and_token(serve: Serve) -> None:
    guarded = Guarded(serve, allow_all, ttl=0)
    guarded.list()
    guarded.put()
    assert guarded.authorizer.events == [
        {"type": "TOKEN", "methodArn": f"{ARN}/GET/things", "authorizationToken": "Bearer token"},
        {"type": "TOKEN", "methodArn": f"{ARN}/PUT/things/a%20b", "authorizationToken": "Bearer token"},
    ]


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"X-Authorization": "Bearer token"}])
def test_missing_header_is_401_without_invoking_the_authorizer(serve: Serve, headers: dict[str, str]) -> None:
    guarded = Guarded(serve, allow_all)
    assert error(guarded.list(headers)) == (401, "UNAUTHORIZED")
    assert guarded.authorizer.events == []


@pytest.fixture
def denied() -> Event:
    statement = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": f"{ARN}/*"}
    return {"principalId": "mallory", "policyDocument": {"Statement": [statement]}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Exception("Unauthorized"), (401, "UNAUTHORIZED")),
        (lambda event: allow("arn:aws:execute-api:*:*:other/*"), (401, "UNAUTHORIZED")),
        (Exception("anything else"), (503, "UNAVAILABLE")),
        (lambda event: {"no": "policy"}, (503, "UNAVAILABLE")),
        (lambda event: allow(f"{ARN}/*", {"nested": {"a": 1}}), (503, "UNAVAILABLE")),
        (lambda event: None, (503, "UNAVAILABLE")),
    ],
)
def test_authorizer_outcome_determines_the_response(serve: Serve, answer: Any, expected: tuple[int, str]) -> None:
    guarded = Guarded(serve, answer)
    assert error(guarded.list()) == expected
    assert guarded.function.events == []


def test_explicit_deny_is_401_in_the_error_format(serve: Serve, denied: Event) -> None:
    guarded = Guarded(serve, denied)
    reply = guarded.list()
    assert error(reply) == (401, "UNAUTHORIZED")
    assert reply.headers["x-amzn-ErrorType"] == "AccessDeniedException"


def test_authorizer_timeout_is_503(serve: Serve) -> None:
    leave = threading.Event()
    guarded = Guarded(serve, lambda event: leave.wait(DEADLINE), integration_timeout=0.1)
    try:
        assert unless_throttled(lambda: error(guarded.list()), (429, "RATE_LIMITED")) == (503, "UNAVAILABLE")
    finally:
        leave.set()


def test_authorizer_responses_are_cached_by_token_for_the_ttl(serve: Serve, clock: ManualClock) -> None:
    guarded = Guarded(serve, allow_all, ttl=60, clock=clock)
    guarded.list()
    clock.advance(59.5)
    guarded.list()
    guarded.list({"authorization": "Bearer another"})
    assert [event["authorizationToken"] for event in guarded.authorizer.events] == [
        "Bearer token",
        "Bearer another",
    ]
    clock.advance(0.5)
    guarded.list()
    assert len(guarded.authorizer.events) == 3
    assert guarded.function.events[1]["requestContext"]["authorizer"]["principalId"] == "alice"


def test_expired_authorizer_responses_are_evicted(clock: ManualClock) -> None:
    authorizer = TokenAuthorizer("auth", FakeFunction(allow_all), ttl=60)
    runtime = Runtime(GatewaySettings(), clock, Ids(), lambda record: None)
    authorization = TokenAuthorization(runtime)

    async def ask(token: str) -> None:
        await authorization.check(authorizer, token, "GET", "/things")

    asyncio.run(ask("first"))
    clock.advance(30)
    asyncio.run(ask("second"))
    assert len(authorization) == 2
    clock.advance(30)
    asyncio.run(ask("third"))
    assert len(authorization) == 2
    runtime.functions.close()


def test_ttl_of_0_disables_the_cache(serve: Serve) -> None:
    guarded = Guarded(serve, allow_all, ttl=0)
    assert [guarded.list().status for _ in range(3)] == [200] * 3
    assert len(guarded.authorizer.events) == 3


def test_cached_policy_is_evaluated_for_every_method(serve: Serve) -> None:
    guarded = Guarded(serve, lambda event: allow(event["methodArn"]))
    assert guarded.list().status == 200
    assert error(guarded.put()) == (401, "UNAUTHORIZED")  # the pitfall of a policy for one method
    assert len(guarded.authorizer.events) == 1


def test_unauthorized_exceptions_are_not_cached(serve: Serve) -> None:
    guarded = Guarded(serve, Exception("Unauthorized"))
    guarded.list()
    guarded.list()
    assert len(guarded.authorizer.events) == 2


def test_token_header_is_configurable(serve: Serve) -> None:
    authorizer = FakeFunction(allow_all)
    guard = TokenAuthorizer("auth", authorizer, header="X-Token")
    gateway = serve(api(FakeFunction(ok()), Route("/", "GET", guard)))
    assert error(fetch(gateway.http_url, headers=TOKEN)) == (401, "UNAUTHORIZED")
    assert fetch(gateway.http_url, headers={"x-token": "abc"}).status == 200
    assert authorizer.events[0]["authorizationToken"] == "abc"
