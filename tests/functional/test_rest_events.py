"""The REST function, called with proxy events as API Gateway sends them behind its authorizer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.edge.routes import ROUTES
from chalicelib.settings import current_settings


def asked(
    chat: Any,
    method: str,
    path: str,
    *,
    resource: str | None = None,
    body: str | None = None,
    authorizer: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    lines: dict[str, list[str]] | None = None,
    parameters: dict[str, str] | None = None,
    query: dict[str, list[str]] | None = None,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of the answer. `lines` are headers of several lines."""
    soon = {"participant_id": "alice", "name": "Alice", "expires_at": str(int(time.time()) + 60)}
    headers = headers or {}
    event = {
        "resource": resource or path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {**{name: [value] for name, value in headers.items()}, **(lines or {})},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource or path,
            "httpMethod": method,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "stage": "dev",
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": soon if authorizer is None else authorizer,
        },
        "body": body,
        "isBase64Encoded": False,
    }
    answer = chat.app(event, None)
    return answer["statusCode"], json.loads(answer["body"] or "{}"), answer["headers"]


def test_conversation_is_created_for_the_identity_of_the_authorizer(chat: Any) -> None:
    status, made, headers = asked(chat, "POST", "/conversations", body='{"title":"Trip"}')
    assert (status, made["created_by"]) == (201, "alice")
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "authorizer",
    [
        {"participant_id": "alice", "expires_at": "1"},
        {"participant_id": "alice", "expires_at": str(int(time.time()) - 31)},
        {"participant_id": "alice"},
        {"expires_at": "9999999999"},
        {"principalId": "participant"},
    ],
)
def test_cached_identity_is_checked_for_expiry(chat: Any, authorizer: dict[str, Any]) -> None:
    status, body, _ = asked(chat, "GET", "/conversations", authorizer=authorizer)
    assert (status, body["error"]["code"]) == (401, "UNAUTHORIZED")
    assert body["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_responses_allow_any_origin_by_default(chat: Any) -> None:
    _, _, headers = asked(chat, "GET", "/conversations", headers={"origin": "https://a.example"})
    assert headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("asking", "allowed"),
    [
        ("https://a.example", "https://a.example"),
        ("https://b.example", "https://b.example"),
        ("https://evil.example", "https://a.example"),
        (None, "https://a.example"),
    ],
)
@pytest.mark.parametrize("body", ['{"title":"Trip"}', "{"])
def test_responses_allow_only_the_configured_origins(
    chat: Any, monkeypatch: pytest.MonkeyPatch, asking: str | None, allowed: str, body: str
) -> None:
    monkeypatch.setenv("CHAT_ALLOWED_ORIGINS", "https://a.example, https://b.example")
    current_settings.cache_clear()
    headers = {} if asking is None else {"origin": asking}
    _, _, answered = asked(chat, "POST", "/conversations", body=body, headers=headers)
    assert answered["Access-Control-Allow-Origin"] == allowed
    assert answered["Vary"] == "Origin"


def test_defect_is_answered_with_the_request_id_only(
    chat: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CHAT_CONNECTIONS_TABLE")
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()
    status, body, _ = asked(chat, "POST", "/conversations", body='{"title":"a secret title"}')
    assert status == 500
    assert body == {
        "error": {"code": "INTERNAL", "message": "An internal error occurred."},
        "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    }
    assert "c6af9ac6-7b61-11e6-9a41-93e8deadbeef" in caplog.text
    assert "SettingsError" in caplog.text
    assert "secret title" not in caplog.text


def test_health_checks_both_tables_without_a_credential(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    status, body, _ = asked(chat, "GET", "/health", authorizer={})
    assert (status, body["checks"]) == (200, {"conversations": "ok", "connections": "ok"})
    monkeypatch.setenv("CHAT_CONNECTIONS_TABLE", "no-such-table")
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()
    status, body, _ = asked(chat, "GET", "/health", authorizer={})
    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"] == {"conversations": "ok", "connections": "unavailable"}


@pytest.mark.parametrize(
    ("context", "expected"), [({}, "human"), ({"type": "agent"}, "agent"), ({"type": "other"}, "human")]
)
def test_caller_has_the_type_of_the_token(chat: Any, context: dict[str, str], expected: str) -> None:
    authorizer = {"participant_id": "robot", "expires_at": "9999999999", **context}
    assert asked(chat, "GET", "/me", authorizer=authorizer)[1]["type"] == expected
    _, body, _ = asked(chat, "POST", "/conversations", body='{"title":"Trip"}', authorizer=authorizer)
    assert body["participants"][0]["type"] == expected


REVOKED = {"participant_id": "alice", "expires_at": "9999999999", "issued_at": "1", "revoked": "true"}
CACHED = {name: value for name, value in REVOKED.items() if name != "revoked"}
"""A result of the authorizer from before the revocation."""


def test_revoked_token_is_accepted_by_the_routes_of_an_erasure_only(chat: Any) -> None:
    routes = {(route.method, route.path) for route in ROUTES if route.callers == "participants"}
    accepted = set()
    names = {"conversation_id": "conv_AAAAAAAAAAAAAAAAAAAAAA", "sequence_id": "1", "invite": "x", "report": "x"}
    for method, path in routes:
        parameters = {name: value for name, value in names.items() if name in path}
        status, _, _ = asked(
            chat, method, path.format(**names), resource=path, authorizer=REVOKED, body="{}", parameters=parameters
        )
        if status != 401:
            accepted.add((method, path))
    assert accepted == {("DELETE", "/me"), ("GET", "/me/erasure")}


@pytest.mark.parametrize(
    ("path", "body", "accepted"),
    [
        ("/conversations", '{"title":"Trip"}', 201),
        ("/conversations/{conversation_id}/join", "{}", 404),
        ("/tickets", "{}", 201),
    ],
)
def test_nothing_new_is_stored_for_a_revoked_token_in_the_cache_of_the_authorizer(
    chat: Any, path: str, body: str, accepted: int
) -> None:
    bootstrap.application().stores.revocations.revoke("alice", 2_000, int(time.time()) + 1000)
    conversation_id = "conv_AAAAAAAAAAAAAAAAAAAAAA"
    filled = path.format(conversation_id=conversation_id)
    parameters = {"conversation_id": conversation_id} if filled != path else None
    for issued_at, expected in (("1", 401), ("2", accepted)):
        authorizer = CACHED | {"issued_at": issued_at}
        status, _, _ = asked(
            chat, "POST", filled, resource=path, body=body, authorizer=authorizer, parameters=parameters
        )
        assert status == expected


def test_body_with_a_lone_surrogate_is_not_json(chat: Any) -> None:
    status, body, _ = asked(chat, "POST", "/conversations", body='{"title":"\ud800"}')
    assert (status, body["error"]["code"]) == (400, "INVALID_JSON")
