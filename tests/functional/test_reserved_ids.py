"""Ids that no participant has: the system, the sender of expiries, and erased participants."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.edge.routes import ROUTES, Route
from chalicelib.settings import current_settings

from .test_rest_events import asked
from .test_service_routes import PARTS, PERSON, SERVICE

KEY = {"Idempotency-Key": "order-1"}
RESERVED = pytest.mark.parametrize("participant_id", ["system", "service", "erased_AAAAAAAAAAAAAAAA"])
ORDER = '{"title":"Order","participants":[{"participant_id":"bob","name":"Bob"}]}'


@pytest.fixture(autouse=True)
def services(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SERVICE_SCOPE", "chat")
    monkeypatch.setenv("CHAT_SERVICE_CLIENTS", "backend")
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()


def about(chat: Any, route: Route, participant_id: str, body: str = "{}", **parts: str) -> tuple[int, Any]:
    """Return the status and body of a request about a participant."""
    parameters = {name: value for name, value in {**PARTS, **parts}.items() if f"{{{name}}}" in route.path}
    query = {name: ["👍"] for name in ("emoji",) if name in route.query.model_fields}
    query["participant_id"] = [participant_id]
    status, answer, _ = asked(
        chat,
        route.method,
        route.path.format(**{**PARTS, **parts}),
        resource=route.path,
        body=body,
        authorizer=PERSON if route.callers == "participants" else SERVICE,
        parameters=parameters,
        query=query,
    )
    return status, answer


def found(method: str, path: str) -> Route:
    return next(route for route in ROUTES if (route.method, route.path) == (method, path))


@RESERVED
def test_no_route_fails_for_a_reserved_id(chat: Any, participant_id: str) -> None:
    routes = [route for route in ROUTES if "participant_id" in route.query.model_fields]
    assert len(routes) > 15
    statuses = {(route.method, route.path): about(chat, route, participant_id)[0] for route in routes}
    assert {route: status for route, status in statuses.items() if status >= 500} == {}


@RESERVED
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/direct", "{}"),
        ("PATCH", "/service/participants", '{"suspended":true}'),
        ("DELETE", "/service/participants", ""),
    ],
)
def test_reserved_id_is_refused_where_only_a_participant_has_a_meaning(
    chat: Any, participant_id: str, method: str, path: str, body: str
) -> None:
    status, answer = about(chat, found(method, path), participant_id, body)
    assert (status, answer["error"]["code"]) == (400, "VALIDATION_FAILED")
    assert answer["error"]["details"] == [{"path": "participant_id", "problem": "is reserved"}]


def test_service_cannot_remove_the_system(chat: Any) -> None:
    path = "/service/conversations"
    made = asked(chat, "POST", path, body=ORDER, authorizer=SERVICE)[1]["conversation_id"]
    remove = found("DELETE", f"{path}/{{conversation_id}}/participants")
    status, answer = about(chat, remove, "system", conversation_id=made)
    assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")


def test_idempotency_keys_of_services_cannot_be_erased(chat: Any) -> None:
    def create() -> Any:
        return asked(chat, "POST", "/service/conversations", body=ORDER, authorizer=SERVICE, headers=KEY)[1]

    first = create()
    about(chat, found("DELETE", "/service/participants"), "system")
    bootstrap.application().privacy.jobs.sweep(5.0)
    assert create()["conversation_id"] == first["conversation_id"]
