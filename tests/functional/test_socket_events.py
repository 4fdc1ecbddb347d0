"""The socket handlers, called with events as API Gateway sends them (developer guide, captures of real events)."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant
from chalicelib.settings import current_settings
from tests.support.engine import Engine

from .conftest import Callbacks, token

DOMAIN = "abcd123.execute-api.us-east-1.amazonaws.com"
CONNECTION = "Xux7aeaAFiACHZQ="


def context(route: str, kind: str, connection_id: str) -> dict[str, Any]:
    return {
        "routeKey": route,
        "eventType": kind,
        "extendedRequestId": "Xux7aHf-FiAFqTg=",
        "requestTime": "31/Aug/2022:13:34:52 +0000",
        "messageDirection": "IN",
        "stage": "dev",
        "connectedAt": 1661952892072,
        "requestTimeEpoch": 1661952892073,
        "identity": {"userAgent": "test", "sourceIp": "192.0.2.1"},
        "requestId": "Xux7aHf-FiAFqTg=",
        "domainName": DOMAIN,
        "connectionId": connection_id,
        "apiId": "abcd123",
    }


def connecting(
    headers: dict[str, str], query: dict[str, str] | None = None, connection_id: str = CONNECTION
) -> dict[str, Any]:
    headers = {"Host": DOMAIN, "Sec-WebSocket-Version": "13", "X-Forwarded-For": "192.0.2.1", **headers}
    event = {
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": context("$connect", "CONNECT", connection_id),
        "isBase64Encoded": False,
    }
    if query is not None:
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()}
    return event


def saying(frame: Any, connection_id: str = CONNECTION, received_at: int = 1661952892073) -> dict[str, Any]:
    about = context("$default", "MESSAGE", connection_id)
    return {
        "requestContext": {**about, "messageId": "Xux7ceaBliACHZQ=", "requestTimeEpoch": received_at},
        "body": frame if isinstance(frame, str) else json.dumps(frame),
        "isBase64Encoded": False,
    }


def leaving(connection_id: str = CONNECTION) -> dict[str, Any]:
    names = {"Host": DOMAIN, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    return {
        "headers": names,
        "multiValueHeaders": {name: [value] for name, value in names.items()},
        "requestContext": {
            **context("$disconnect", "DISCONNECT", connection_id),
            "disconnectStatusCode": 1005,
            "disconnectReason": "Client-side close frame status not set",
        },
        "isBase64Encoded": False,
    }


def opened(chat: Any, person: str, connection_id: str = CONNECTION) -> None:
    bearer = {"Authorization": f"Bearer {token(person)}"}
    assert chat.connect(connecting(bearer, connection_id=connection_id), None)["statusCode"] == 200


def conversation(owner: str, *others: str) -> str:
    request = CreateConversation(
        title="Trip", participants=[NewParticipant(participant_id=each, name=each) for each in others]
    )
    outcome = bootstrap.application().conversations.creation.create(Principal(owner, owner), request)
    return str(outcome.response["conversation_id"])


# ---- $connect ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_bearer_token_opens_a_connection(chat: Any, name: str) -> None:
    answer = chat.connect(connecting({name: f"Bearer {token('alice')}"}), None)
    assert answer == {"statusCode": 200, "headers": {}}
    socket = bootstrap.application().stores.connections.get(CONNECTION)
    assert socket is not None
    assert (socket.participant_id, socket.is_active) == ("alice", False)


@pytest.mark.parametrize("separator", [", ", ",", " , "])
def test_token_in_the_subprotocols_is_accepted_and_not_echoed(chat: Any, separator: str) -> None:
    offered = separator.join(["chat.v1", f"bearer.{token('alice')}"])
    answer = chat.connect(connecting({"Sec-WebSocket-Protocol": offered}), None)
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat.v1"}}


def test_ticket_opens_one_connection(chat: Any) -> None:
    identity = bootstrap.verifier()(token("alice", "Alice"))
    ticket = str(bootstrap.application().realtime.tickets.issue(identity)["ticket"])
    assert chat.connect(connecting({}, {"ticket": ticket}), None)["statusCode"] == 200
    assert chat.connect(connecting({}, {"ticket": ticket}, "second="), None)["statusCode"] == 401
    assert bootstrap.application().stores.connections.get("second=") is None


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, None),
        ({}, {}),
        ({"Authorization": ""}, None),
        ({"Authorization": "Bearer"}, None),
        ({"Authorization": "Bearer x.y.z"}, None),
        ({"Authorization": "Basic YWxpY2U6"}, None),
        ({"Sec-WebSocket-Protocol": "chat.v1"}, None),
        ({"X-Participant-Id": "alice"}, {"participant_id": "alice", "token": "x"}),
        ({}, {"ticket": "unknown"}),
        ({}, {"ticket": "A" * 43}),
    ],
)
def test_handshake_without_valid_credential_is_answered_401(
    chat: Any, headers: dict[str, str], query: dict[str, str] | None
) -> None:
    assert chat.connect(connecting(headers, query), None) == {"statusCode": 401}
    assert bootstrap.application().stores.connections.get(CONNECTION) is None


def test_nothing_is_posted_during_the_handshake(chat: Any, callbacks: Callbacks) -> None:
    opened(chat, "alice")
    conversation("alice")
    assert callbacks.posted == []


# ---- $default ------------------------------------------------------------------------------------------


def test_first_frame_is_answered_and_makes_the_connection_active(chat: Any, callbacks: Callbacks) -> None:
    opened(chat, "alice")
    assert chat.message(saying({"type": "hello", "id": "1"}), None) == {"statusCode": 200}
    ((to, welcome),) = callbacks.posted
    assert to == CONNECTION
    assert (welcome["type"], welcome["id"], welcome["protocol"]) == ("welcome", "1", 1)
    assert welcome["participant"]["participant_id"] == "alice"
    socket = bootstrap.application().stores.connections.get(CONNECTION)
    assert socket is not None
    assert socket.is_active


def test_message_is_pushed_to_all_subscribers(chat: Any, callbacks: Callbacks) -> None:
    where = conversation("alice", "bob")
    for person, connection in (("alice", "a="), ("bob", "b=")):
        opened(chat, person, connection)
        chat.message(saying({"type": "subscribe", "conversation_id": where}, connection), None)
    callbacks.posted.clear()
    frame = {"type": "message", "conversation_id": where, "client_message_id": "1", "content": "grüß dich"}
    chat.message(saying(frame, "a="), None)
    by_alice, by_bob = callbacks.posted_to("a="), callbacks.posted_to("b=")
    ack = next(each for each in by_alice if each["type"] == "message_ack")
    assert (ack["sequence_id"], ack["duplicate"]) == (2, False)
    (event,) = (event for each in by_bob for event in each["events"])
    assert (event["content"], event["sequence_id"], event["client_message_id"]) == ("grüß dich", 2, "1")
    assert event["sender"] == {"participant_id": "alice", "name": "alice", "type": "human"}
    pushed = {"type": "events", "conversation_id": where, "events": [event], "history_id": ack["history_id"]}
    assert pushed in by_alice


def test_stale_connection_is_removed_and_the_others_receive_the_event(chat: Any, callbacks: Callbacks) -> None:
    where = conversation("alice", "bob", "carol")
    for person, connection in (("alice", "a="), ("bob", "b="), ("carol", "c=")):
        opened(chat, person, connection)
        chat.message(saying({"type": "subscribe", "conversation_id": where}, connection), None)
    callbacks.stale.add("b=")
    frame = {"type": "message", "conversation_id": where, "client_message_id": "1", "content": "hi"}
    chat.message(saying(frame, "a="), None)
    assert any(each["type"] == "events" for each in callbacks.posted_to("c="))
    stores = bootstrap.application().stores
    assert {each.connection_id for each in stores.subscriptions.subscribers(where)} == {"a=", "c="}
    assert {"type": "presence", "online": False} in [
        {"type": each["type"], "online": each.get("online")} for each in callbacks.posted_to("c=")
    ]


def test_frames_are_ordered_by_the_time_at_which_api_gateway_received_them(
    chat: Any, callbacks: Callbacks
) -> None:
    where = conversation("alice")
    opened(chat, "alice")
    for command, received_at in (("unsubscribe", 1661952892075), ("subscribe", 1661952892074)):
        chat.message(saying({"type": command, "conversation_id": where}, received_at=received_at), None)
    assert [frame["type"] for frame in callbacks.posted_to(CONNECTION)] == ["unsubscribed", "superseded"]
    assert bootstrap.application().stores.subscriptions.subscribers(where) == []


def test_connection_wrongly_marked_as_stale_receives_events_again(chat: Any, callbacks: Callbacks) -> None:
    test_stale_connection_is_removed_and_the_others_receive_the_event(chat, callbacks)
    callbacks.stale.clear()
    callbacks.posted.clear()
    chat.message(saying({"type": "ping"}, "b="), None)
    assert callbacks.posted_to("b=")[0]["type"] == "pong"
    (where,) = {
        each.conversation_id
        for each in bootstrap.application().stores.subscriptions.subscriptions_of_connection("b=")
    }
    frame = {"type": "message", "conversation_id": where, "client_message_id": "2", "content": "again"}
    chat.message(saying(frame, "a="), None)
    pushed = [each["events"] for each in callbacks.posted_to("b=") if each["type"] == "events"]
    assert [[event["content"] for event in events] for events in pushed] == [["again"]]


def test_unknown_connection_is_notified_and_closed(chat: Any, callbacks: Callbacks) -> None:
    assert chat.message(saying({"type": "ping"}, "never="), None) == {"statusCode": 200}
    (reply,) = callbacks.posted_to("never=")
    assert (reply["type"], reply["code"], reply["reconnect"]) == ("disconnect", "UNAUTHORIZED", True)
    assert callbacks.closed == ["never="]


@pytest.mark.parametrize("frame", ["", "{", "[]", '"\ud800"', '{"type":"shout"}', '{"action":"$connect"}'])
def test_bad_frame_is_answered_and_the_connection_stays_open(chat: Any, callbacks: Callbacks, frame: str) -> None:
    opened(chat, "alice")
    assert chat.message(saying(frame), None) == {"statusCode": 200}
    (reply,) = callbacks.posted_to(CONNECTION)
    assert reply["type"] == "error"
    assert callbacks.closed == []


def test_failure_of_the_store_is_a_retryable_error(
    chat: Any, callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened(chat, "alice")
    monkeypatch.setenv("CHAT_CONNECTIONS_TABLE", "no-such-table")
    current_settings.cache_clear()
    bootstrap.application.cache_clear()
    frame = {"type": "ping", "id": "9"}
    assert chat.message(saying(frame), None) == {"statusCode": 200}
    (reply,) = callbacks.posted_to(CONNECTION)
    assert (reply["code"], reply["retryable"], reply["id"]) == ("UNAVAILABLE", True, "9")
    assert "ResourceNotFoundException" in caplog.text


# ---- $disconnect ---------------------------------------------------------------------------------------


def test_repeated_disconnect_leaves_nothing_behind(chat: Any, callbacks: Callbacks) -> None:
    where = conversation("alice")
    opened(chat, "alice")
    chat.message(saying({"type": "subscribe", "conversation_id": where}), None)
    stores = bootstrap.application().stores
    assert stores.subscriptions.subscribers(where)
    for _ in range(2):
        assert chat.disconnect(leaving(), None) == {"statusCode": 200}
        assert stores.connections.get(CONNECTION) is None
        assert stores.subscriptions.subscribers(where) == []
        assert stores.connections.active_connections_of("alice") == []


def test_sweep_deletes_the_items_of_deleted_conversations(chat: Any) -> None:
    where = conversation("alice", "bob")
    bootstrap.application().conversations.lifecycle.delete(Principal("alice", None), where)
    stores = bootstrap.application().stores
    assert stores.event_log.head(where) is not None
    chat.sweep({"time": "", "source": "", "account": "", "region": "", "detail": {}, "detail-type": "",
                "version": "", "resources": [], "id": ""}, None)  # fmt: skip
    assert stores.event_log.head(where) is None
    assert stores.memberships.memberships_of("alice") == stores.memberships.memberships_of("bob") == []


def test_sweep_inserts_a_heartbeat_if_events_are_published(
    chat: Any, store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_EVENTS", "on")
    monkeypatch.setenv("CHAT_DELIVERY_QUEUE", "https://sqs.example/deliveries")
    chat.sweep({"time": "", "source": "", "account": "", "region": "", "detail": {}, "detail-type": "",
                "version": "", "resources": [], "id": ""}, None)  # fmt: skip
    found = store_engine.client().query(
        TableName=os.environ["CHAT_CONVERSATIONS_TABLE"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "W#heartbeat"}},
    )
    assert found["Count"] == 1
