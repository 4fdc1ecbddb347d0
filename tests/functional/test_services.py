"""Services at the authorizer, at the routes, and at the handshake."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest

from chalicelib import bootstrap
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.edge.http import CORS
from chalicelib.edge.routes import ROUTES
from chalicelib.settings import current_settings

from .conftest import SECRET, token
from .test_authorizer import DENIED, decided
from .test_rest_events import asked
from .test_socket_events import connecting

CREATION = '{"title":"Trip"}'
Lines = dict[str, list[str]]
BOB, CAROL = {"participant": ["bob"]}, {"participant": ["carol"]}


def service_token(client: str) -> str:
    now = int(time.time())
    claims = {"client_id": client, "sub": "alice", "scope": "chat", "iat": now, "exp": now + 60}
    return jwt.encode(claims, SECRET, algorithm="HS256")


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SERVICE_SCOPE", "chat")
    monkeypatch.setenv("CHAT_SERVICE_CLIENTS", "other, backend")


@pytest.fixture
def backend(services: None, chat: Any) -> dict[str, str]:
    """The authorizer's result for a service."""
    context: dict[str, str] = decided(chat, f"Bearer {service_token('backend')}")["context"]
    return context


def acting(
    chat: Any, context: dict[str, str], method: str, path: str, lines: Lines | None = None, body: str | None = None
) -> tuple[int, dict[str, Any]]:
    """Return the status and body of a request with these header lines: `participant` and `name`."""
    names = {"participant": "Chat-Participant", "name": "chat-participant-NAME"}
    headers = {names[name]: values for name, values in (lines or {}).items()}
    status, answer, _ = asked(chat, method, path, body=body, authorizer=context, lines=headers)
    return status, answer


def problem(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str]:
    status, body = answer
    return status, body["error"]["code"], body["error"].get("details", [{}])[0].get("path", "")


def limit(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    for name, value in limits.items():
        monkeypatch.setenv(f"CHAT_LIMIT_{name}", str(value))
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()


def test_authorizer_marks_a_service_and_names_no_participant(backend: dict[str, str]) -> None:
    assert set(backend) == {"service", "expires_at", "issued_at"}
    assert backend["service"] == "backend"


def test_scope_of_an_unlisted_client_is_denied(chat: Any) -> None:
    assert decided(chat, f"Bearer {service_token('spa')}")["policyDocument"]["Statement"] == [DENIED]


def test_one_authorizer_result_serves_two_participants(backend: dict[str, str], chat: Any) -> None:
    for participant_id, name in (("auth0|alice", "Alice Ä."), ("bob", "Bob")):
        encoded = {"participant": [participant_id.replace("|", "%7C")], "name": [name.replace("Ä", "%c3%84")]}
        encoded["name"] = [encoded["name"][0].replace(" ", "%20")]
        status, found = acting(chat, backend, "GET", "/me", encoded)
        assert (status, found["participant_id"], found["name"]) == (200, participant_id, name)
        status, made = acting(chat, backend, "POST", "/conversations", encoded, CREATION)
        assert (status, made["created_by"]) == (201, participant_id)
        assert made["participants"][0]["name"] == name


def test_service_must_name_a_participant_on_their_routes(backend: dict[str, str], chat: Any) -> None:
    status, body = acting(chat, backend, "GET", "/conversations")
    assert (status, body["error"]["code"]) == (403, "FORBIDDEN")
    assert "Chat-Participant" in body["error"]["message"]


@pytest.mark.parametrize(
    "lines",
    [
        {"participant": ["bob", "bob"]},
        {"participant": ["alice,bob"]},
        {"participant": ["auth0|alice"]},
        {"participant": ["%"]},
        {"participant": ["%2"]},
        {"participant": ["%GG"]},
        {"participant": [""]},
        {"participant": ["%20"]},
        {"participant": ["caf%C3%A9"]},
        {"participant": ["%C3"]},
        {"participant": ["bob\n"]},
        {"participant": ["b" * 256]},
        {"participant": ["system"]},
        {"participant": ["service"]},
        {"participant": ["syste%6D"]},
        {"participant": ["erased_AAAAAAAAAAAAAAAA"]},
        {"participant": ["%65rased_"]},
        {"name": ["Bob"]},
        {"participant": ["bob"], "name": ["Bob", "Bob"]},
        {"participant": ["bob"], "name": ["Bob B."]},
        {"participant": ["bob"], "name": ["%0A"]},
        {"participant": ["bob"], "name": ["%E2%80%AEBob"]},
        {"participant": ["bob"], "name": ["b" * 101]},
        {"participant": ["bob"], "name": ["%FF"]},
    ],
)
def test_malformed_header_is_refused(backend: dict[str, str], chat: Any, lines: Lines) -> None:
    header = "Chat-Participant-Name" if "name" in lines else "Chat-Participant"
    assert problem(acting(chat, backend, "GET", "/me", lines)) == (400, "VALIDATION_FAILED", header)


@pytest.mark.parametrize("lines", [{"participant": ["alice"]}, {"participant": [""]}, {"name": ["Alice"]}])
def test_person_with_the_header_is_refused(chat: Any, lines: Lines) -> None:
    context = decided(chat, f"Bearer {token('alice')}")["context"]
    assert problem(acting(chat, context, "GET", "/me", lines)) == (400, "VALIDATION_FAILED", "Chat-Participant")


def test_context_that_names_both_is_refused(backend: dict[str, str], chat: Any) -> None:
    status, _ = acting(chat, {**backend, "participant_id": "alice"}, "GET", "/me", BOB)
    assert status == 401


def test_client_that_is_no_longer_listed_is_refused_although_the_result_is_cached(
    backend: dict[str, str], chat: Any
) -> None:
    assert acting(chat, {**backend, "service": "former"}, "GET", "/me", BOB)[0] == 401


def test_expiry_of_the_cached_result_is_checked(backend: dict[str, str], chat: Any) -> None:
    assert acting(chat, {**backend, "expires_at": "1"}, "GET", "/me", BOB)[0] == 401


def test_service_acts_for_no_participant_whose_revocation_is_newer_than_its_token(
    backend: dict[str, str], chat: Any
) -> None:
    now = SystemClock().now()
    bootstrap.application().stores.revocations.revoke("bob", int((now + 10) * 1000), int(now) + 1000)
    for method, path, body in (("GET", "/conversations", None), ("POST", "/tickets", "{}")):
        assert acting(chat, backend, method, path, BOB, body)[0] == 401
        assert acting(chat, backend, method, path, CAROL, body)[0] in (200, 201)
    newer = {**backend, "issued_at": str(int(now) + 20)}
    assert acting(chat, newer, "GET", "/conversations", BOB)[0] == 200


def test_participants_are_not_charged_for_the_requests_of_services(
    backend: dict[str, str], chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, CREATION_BURST=1, CREATIONS_PER_MINUTE=1, BUDGET_BURST=700)
    for _ in range(3):
        assert acting(chat, backend, "POST", "/conversations", BOB, CREATION)[0] == 201
    bob = decided(chat, f"Bearer {token('bob')}")["context"]
    answers = [asked(chat, "POST", "/conversations", body=CREATION, authorizer=bob)[0] for _ in range(2)]
    assert answers == [201, 429]


def test_requests_of_a_service_have_one_budget(
    backend: dict[str, str], chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, SERVICE_BUDGET_PER_SECOND=1, SERVICE_BUDGET_BURST=40)
    for participant_id, status in (("bob", 200), ("carol", 429), ("dave", 429)):
        assert acting(chat, backend, "GET", "/conversations", {"participant": [participant_id]})[0] == status
    assert acting(chat, {**backend, "service": "other"}, "GET", "/me", BOB)[0] == 200


def test_service_cannot_open_a_socket(chat: Any) -> None:
    event = connecting({"Authorization": f"Bearer {service_token('backend')}"})
    assert chat.connect(event, None)["statusCode"] == 401


@pytest.mark.parametrize("header", ["Chat-Participant", "chat-participant", "Chat-Participant-Name"])
def test_header_at_the_handshake_is_refused(chat: Any, header: str) -> None:
    for credential in (token("alice"), service_token("backend")):
        event = connecting({"Authorization": f"Bearer {credential}", header: "alice"})
        assert chat.connect(event, None)["statusCode"] == 400


def test_ticket_of_a_service_opens_the_socket_of_the_participant(backend: dict[str, str], chat: Any) -> None:
    _, made = acting(chat, backend, "POST", "/tickets", {**BOB, "name": ["Bob"]}, "{}")
    assert chat.connect(connecting({}, {"ticket": made["ticket"]}, "c1"), None)["statusCode"] == 200
    connection = bootstrap.application().stores.connections.get("c1")
    assert connection is not None
    assert (connection.participant_id, connection.name) == ("bob", "Bob")
    assert connection.principal.service is None
    assert connection.token_expires_at == pytest.approx(time.time() + 3600, abs=5), "not the service's 60 seconds"


def test_ticket_of_a_service_is_revoked_with_the_tokens_of_the_participant(
    backend: dict[str, str], chat: Any
) -> None:
    now = time.time()
    earlier = {**backend, "issued_at": str(int(now) - 100)}
    _, made = acting(chat, earlier, "POST", "/tickets", BOB, "{}")
    # As by an erasure between the check of the request and the ticket.
    bootstrap.application().stores.revocations.revoke("bob", int((now - 50) * 1000), int(now) + 1000)
    assert chat.connect(connecting({}, {"ticket": made["ticket"]}, "c1"), None)["statusCode"] == 401


def test_log_lines_name_the_service_and_the_participant(
    backend: dict[str, str], chat: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CHAT_CONVERSATIONS_TABLE", "no-such-table")
    limit(monkeypatch)
    assert acting(chat, backend, "GET", "/conversations", BOB)[0] in (500, 503)
    assert "participant_id=bob service=backend" in caplog.text


def test_browsers_may_not_send_the_header() -> None:
    assert "chat-participant" not in json.dumps(CORS.get_access_control_headers()).lower()
    assert any(route.callers == "participants" for route in ROUTES)


def test_events_and_the_audit_log_show_that_a_service_acted(backend: dict[str, str], chat: Any) -> None:
    _, made = acting(chat, backend, "POST", "/conversations", BOB, CREATION)
    path, resource = {"conversation_id": made["conversation_id"]}, "/conversations/{conversation_id}"
    bob = decided(chat, f"Bearer {token('bob', 'Bob')}")["context"]

    def ask(context: dict[str, str], method: str, suffix: str, body: str | None = None) -> dict[str, Any]:
        lines = {"Chat-Participant": ["bob"]} if context is backend else {}
        parts: dict[str, Any] = {"resource": resource + suffix, "parameters": path, "body": body}
        status, answer, _ = asked(
            chat, method, resource.format(**path) + suffix, authorizer=context, lines=lines, **parts
        )
        assert status in (200, 201)
        return answer

    message = '{"content":"hi","client_message_id":"1"}'
    assert ask(backend, "POST", "/messages", message)["sender"]["via"] == "service"
    assert ask(bob, "POST", "/messages", message)["sender"]["via"] == "service", "a repeat"
    assert "via" not in ask(bob, "POST", "/messages", '{"content":"hi"}')["sender"]
    ask(backend, "PATCH", "", '{"title":"A"}')
    ask(bob, "PATCH", "", '{"title":"B"}')
    entries = ask(bob, "GET", "/audit")["entries"]
    assert [(entry["actor_id"], entry.get("service")) for entry in entries] == [("bob", "backend"), ("bob", None)]


def test_cached_suspension_ends_when_it_is_lifted(chat: Any) -> None:
    suspensions = bootstrap.application().backend.suspensions
    suspensions.suspend("alice")
    claims = {"sub": "alice", "iat": int(time.time()), "exp": int(time.time()) + 60}
    context = decided(chat, f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}")["context"]
    assert context["suspended"] == "true"
    for method, path in (("GET", "/conversations"), ("POST", "/conversations")):
        assert problem(acting(chat, context, method, path, body="{}"))[:2] == (403, "SUSPENDED")
    assert acting(chat, context, "GET", "/me/erasure")[0] == 404
    suspensions.lift("alice")
    assert acting(chat, context, "GET", "/conversations")[0] == 200


def test_service_acts_for_no_suspended_participant(backend: dict[str, str], chat: Any) -> None:
    bootstrap.application().backend.suspensions.suspend("bob")
    assert problem(acting(chat, backend, "GET", "/conversations", BOB))[:2] == (403, "SUSPENDED")


def test_routes_of_services_refuse_everyone_else(backend: dict[str, str], chat: Any) -> None:
    claims = {"sub": "alice", "iat": int(time.time()), "exp": int(time.time()) + 60}
    alice = decided(chat, f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}")["context"]
    assert acting(chat, backend, "GET", "/service/conversations")[0] == 200
    assert problem(acting(chat, alice, "GET", "/service/conversations"))[:2] == (403, "FORBIDDEN")
    assert problem(acting(chat, backend, "GET", "/service/conversations", BOB))[:2] == (403, "FORBIDDEN")
