"""Every route is for participants, for services or for anyone, and refuses other callers first."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.edge.http import AuthenticatedRequest
from chalicelib.edge.routes import ROUTES, Route
from chalicelib.settings import current_settings

from .test_rest_events import asked

PARTS = {"conversation_id": "conv_AAAAAAAAAAAAAAAAAAAAAA", "sequence_id": "1", "invite": "x", "report": "x"}
PARTS["endpoint_id"] = "ep_x"
PERSON = {"participant_id": "alice", "expires_at": "9999999999", "issued_at": "9000000000"}
SERVICE = {"service": "backend", "expires_at": "9999999999", "issued_at": "1"}
BOB = {"Chat-Participant": ["bob"]}


@pytest.fixture(autouse=True)
def services(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SERVICE_SCOPE", "chat")
    monkeypatch.setenv("CHAT_SERVICE_CLIENTS", "backend")
    monkeypatch.setenv("CHAT_LIMIT_SERVICE_BUDGET_BURST", "1000000")
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()


def status_of(chat: Any, route: Route, authorizer: dict[str, str], lines: dict[str, list[str]]) -> int:
    parameters = {name: value for name, value in PARTS.items() if f"{{{name}}}" in route.path}
    path = route.path.format(**PARTS)
    options: dict[str, Any] = {"resource": route.path, "body": "{}", "parameters": parameters, "lines": lines}
    return asked(chat, route.method, path, authorizer=authorizer, **options)[0]


def callers(kind: str) -> list[Route]:
    return [route for route in ROUTES if route.callers == kind]


def test_service_without_a_participant_is_refused_by_every_route_of_participants(chat: Any) -> None:
    assert {status_of(chat, route, SERVICE, {}) for route in callers("participants")} == {403}


def test_person_who_names_a_participant_is_refused_by_every_route(chat: Any) -> None:
    routes = [*callers("participants"), *callers("services")]
    assert {status_of(chat, route, PERSON, BOB) for route in routes} == {400}


def test_routes_of_services_refuse_persons_and_services_that_act_for_one(chat: Any) -> None:
    for route in callers("services"):
        assert status_of(chat, route, PERSON, {}) == 403
        assert status_of(chat, route, SERVICE, BOB) == 403


def test_service_acts_for_a_revoked_participant_in_the_routes_of_an_erasure_only(chat: Any) -> None:
    bootstrap.application().stores.revocations.revoke("bob", 2_000, 9_999_999_999)
    routes = callers("participants")
    accepted = {(route.method, route.path) for route in routes if status_of(chat, route, SERVICE, BOB) != 401}
    assert accepted == {("DELETE", "/me"), ("GET", "/me/erasure")}


@pytest.mark.parametrize(
    ("callers", "lines", "wrong"), [("services", {}, "caller"), ("participants", BOB, "service")]
)
def test_view_gets_either_a_participant_or_a_service(chat: Any, callers: Any, lines: Any, wrong: str) -> None:
    from chalice.app import Request

    event: dict[str, Any] = {
        "multiValueQueryStringParameters": None,
        "headers": {},
        "multiValueHeaders": lines,
        "pathParameters": None,
        "requestContext": {"httpMethod": "GET", "resourcePath": "/", "authorizer": SERVICE},
        "body": None,
        "stageVariables": None,
    }
    call = AuthenticatedRequest(Request(event), callers)
    with pytest.raises(TypeError, match="route for"):
        getattr(call, wrong)
    if callers == "services":
        assert call.service.client_id == "backend"
    else:
        assert (call.caller.participant_id, call.caller.service) == ("bob", "backend")


def test_every_request_of_a_service_is_charged_to_its_budget(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_LIMIT_SERVICE_BUDGET_BURST", "1000")
    monkeypatch.setenv("CHAT_LIMIT_SERVICE_BUDGET_PER_SECOND", "1")
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()
    (batch,) = (route for route in ROUTES if route.path == "/batch")
    assert [status_of(chat, batch, SERVICE, BOB) for _ in range(2)] == [400, 429], (
        "each has the price of the burst"
    )
    assert {status_of(chat, route, SERVICE, BOB) for route in callers("participants")} == {429}
    assert {status_of(chat, route, SERVICE, {}) for route in callers("services")} <= {429}
    assert {status_of(chat, route, PERSON, {}) for route in callers("participants")} & {429} == set()
