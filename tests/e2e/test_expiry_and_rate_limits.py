"""Expiry of tickets and tokens, and rate limits; mostly on the accelerated server."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients
from tests.support.client import Frame, Response, Socket, TestClient, new_client_message_id
from tests.support.expiring import use_expiring, wait_until
from tests.support.server import ServerProcess

BURST = 24
PATIENCE = 15.0


def test_expired_ticket_is_rejected(accelerated_clients: MakeClients) -> None:
    (alice,) = accelerated_clients("alice")
    given = alice.post("/tickets").expect(201)
    assert given["expires_in"] == 1
    wait_until(time.time() + given["expires_in"] + 1)
    with pytest.raises(InvalidStatus) as refused:
        Socket(f"{alice.endpoint.ws_url}?ticket={given['ticket']}").close()
    assert refused.value.response.status_code == 401


def test_ticket_redeemed_concurrently_opens_one_connection(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    ticket = alice.post("/tickets").expect(201)["ticket"]

    def redeem() -> Socket | None:
        try:
            return Socket(f"{alice.endpoint.ws_url}?ticket={ticket}")
        except InvalidStatus:
            return None

    opened = [socket for socket in run_concurrently(*[redeem] * 6) if socket is not None]
    alice.sockets += opened
    assert len(opened) == 1


# ---- expiring tokens -------------------------------------------------------------------------------------


def test_connection_with_expired_token_is_rejected_until_renewed(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")

    # A token, and the connection that it opens, is accepted for thirty seconds after its expiry.
    def connect(token: str) -> Socket:
        socket = Socket(alice.endpoint.ws_url, headers=_authorization(token))
        alice.sockets.append(socket)
        assert socket.request("ping")["type"] == "pong"
        return socket

    socket, ends_at = use_expiring(alice, connect, leeway=30)
    wait_until(ends_at)
    for command, fields in (
        ("hello", {}),
        ("subscribe", {"conversation_id": chat}),
        ("message", {"conversation_id": chat, "content": "hello", "client_message_id": "x"}),
        ("typing", {"conversation_id": chat, "is_typing": True}),
        ("ping", {}),
    ):
        answer = socket.request(command, **fields)
        assert (answer["type"], answer["code"]) == ("error", "TOKEN_EXPIRED")
    assert alice.get_head(chat) == 1

    renewed = socket.request("auth", token=alice.token)
    assert renewed["type"] == "auth_ok"
    assert socket.request("hello")["expires_at"] == renewed["expires_at"]
    alice.subscribe(chat)
    alice.send_message(chat, "hello")
    alice.expect_message("hello")


def test_auth_rejects_bad_and_foreign_tokens_and_keeps_the_identity(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    socket = alice.connect()
    answer = socket.request("auth", token=bob.token)
    assert answer["code"] == "FORBIDDEN"
    for bad in ("x", alice.token[:-3], alice.endpoint.token(alice.id, alice.name, -100)):
        answer = socket.request("auth", token=bad)
        assert answer["code"] == "UNAUTHORIZED"
        assert bad not in str(answer) or bad == "x"
    assert socket.request("hello")["participant"] == alice.actor


def test_auth_updates_the_name(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    socket = alice.connect()
    renamed = alice.endpoint.token(alice.id, "Alicia", 3600)
    assert socket.request("auth", token=renamed)["type"] == "auth_ok"
    assert socket.request("hello")["participant"]["name"] == "Alicia"


def test_connection_is_closed_on_its_first_frame_after_the_grace_period(
    accelerated_server: ServerProcess, accelerated_clients: MakeClients
) -> None:
    (alice,) = accelerated_clients("alice")

    def connect(token: str) -> Socket:
        return Socket(accelerated_server.endpoint.ws_url, headers=_authorization(token))

    socket, ends_at = use_expiring(alice, connect)
    wait_until(ends_at)
    socket.send("ping")
    last_words = socket.expect_frame(type="disconnect")
    assert (last_words["code"], last_words["reconnect"]) == ("TOKEN_EXPIRED", True)
    assert socket.expect_close() == 1000
    assert socket.inbox == []
    socket.close()


def test_connection_after_the_grace_period_receives_disconnect_instead_of_an_event(
    accelerated_clients: MakeClients,
) -> None:
    alice, bob, carol = accelerated_clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    carol.connect(chat)
    bob.connect(chat)
    alice.post_message(chat, "in time")
    bob.expect_message("in time")
    _, ends_at = use_expiring(bob, lambda token: bob.command("auth", "auth_ok", token=token))
    bob.socket.inbox.clear()
    wait_until(ends_at)

    alice.post_message(chat, "too late")
    carol.expect_message("too late")
    assert bob.expect_frame(type="disconnect")["code"] == "TOKEN_EXPIRED"
    assert bob.socket.expect_close() == 1000
    assert bob.socket.inbox == []
    assert carol.expect_frame(type="presence", online=False)["participant"] == bob.actor


def test_connection_after_the_grace_period_receives_disconnect_instead_of_presence(
    accelerated_clients: MakeClients,
) -> None:
    alice, bob, carol = accelerated_clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    carol.connect(chat)
    bob.connect(chat)
    alice.connect(chat)
    bob.expect_frame(type="presence", online=True, participant={"participant_id": alice.id})
    _, ends_at = use_expiring(bob, lambda token: bob.command("auth", "auth_ok", token=token))
    bob.socket.inbox.clear()
    wait_until(ends_at)

    alice.disconnect()
    carol.expect_frame(type="presence", online=False, participant={"participant_id": alice.id})
    assert bob.expect_frame(type="disconnect")["code"] == "TOKEN_EXPIRED"
    assert bob.socket.expect_close() == 1000
    assert bob.socket.inbox == []


def test_connection_renewed_in_time_continues_to_receive(accelerated_clients: MakeClients) -> None:
    alice, bob = accelerated_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    expires = int(time.time()) + 3  # on a busy machine the renewal may take a while
    bob.command("auth", "auth_ok", token=bob.endpoint.token(bob.id, bob.name, 3))
    bob.command("auth", "auth_ok", token=bob.token)
    wait_until(expires + 1)  # there is no grace period
    alice.post_message(chat, "still there?")
    bob.expect_message("still there?")
    bob.send_message(chat, "yes")


# ---- rate limits -----------------------------------------------------------------------------------------


def test_http_messages_above_the_burst_are_rate_limited(accelerated_clients: MakeClients) -> None:
    (alice,) = accelerated_clients("alice")
    chat = alice.create_conversation("Chat")
    answers = _posts_until_refused(alice, chat)
    refused = next(answer for answer in answers if answer.status != 201)
    error = refused.expect(429, "RATE_LIMITED")["error"]
    assert error["retry_after"] > 0
    assert int(refused.headers["retry-after"]) >= 1
    accepted = [answer.body["sequence_id"] for answer in answers if answer.status == 201]
    assert len(accepted) >= BURST
    assert sorted(accepted) == list(range(2, len(accepted) + 2))

    # Others of the burst may have been accepted after this one was rejected; alone, `retry_after` is exact.
    again = alice.post(f"/conversations/{chat}/messages", {"content": "again"})
    if again.status == 429:
        time.sleep(again.body["error"]["retry_after"])  # as clients must
        alice.post_message(chat, "after the time that was named")
    assert alice.get_head(chat) == len(accepted) + 2


def test_socket_messages_above_the_burst_are_rate_limited(
    accelerated_clients: MakeClients,
) -> None:
    (alice,) = accelerated_clients("alice")
    chat = alice.create_conversation("Chat")
    socket = alice.connect()
    answers: list[Frame] = []
    while not any(answer["type"] == "error" for answer in answers):
        assert len(answers) < 20 * BURST, "nothing was refused"
        numbers = [
            socket.send_with_id(
                "message", conversation_id=chat, content="x", client_message_id=new_client_message_id()
            )
            for _ in range(2 * BURST)
        ]
        answers += [socket.receive_reply(number) for number in numbers]
    for answer in answers:
        if answer["type"] == "error":
            assert (answer["code"], answer["retryable"]) == ("RATE_LIMITED", True)
            assert answer["retry_after"] > 0
            assert answer["conversation_id"] == chat
    accepted = [answer["sequence_id"] for answer in answers if answer["type"] == "message_ack"]
    assert len(accepted) >= BURST
    assert sorted(accepted) == list(range(2, len(accepted) + 2))
    assert alice.get_head(chat) == len(accepted) + 1


def test_rate_limited_messages_succeed_after_retry_after(accelerated_clients: MakeClients) -> None:
    (alice,) = accelerated_clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect()
    for index in range(BURST + 8):
        message = {"conversation_id": chat, "content": f"{index}", "client_message_id": f"m{index}"}
        deadline = time.monotonic() + PATIENCE
        while (answer := alice.socket.request("message", **message))["type"] != "message_ack":
            assert answer["code"] == "RATE_LIMITED"
            assert time.monotonic() < deadline
            time.sleep(answer["retry_after"])  # as clients must
    assert [event["content"] for event in alice.list_events(chat)[1:]] == [
        f"{index}" for index in range(BURST + 8)
    ]


def test_rate_limit_is_per_participant(accelerated_clients: MakeClients) -> None:
    alice, bob = accelerated_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    _posts_until_refused(alice, chat)
    bob.post_message(chat, "I have said nothing yet")
    alice.connect()
    alice.mark_read(chat, 1)
    assert alice.get_head(chat) > BURST


def _posts_until_refused(person: TestClient, conversation: str) -> list[Response]:
    """Send concurrent messages until one is rejected, and return all responses."""

    def send() -> Response:
        return person.post(f"/conversations/{conversation}/messages", {"content": "x"})

    answers: list[Response] = []
    while all(answer.status == 201 for answer in answers):
        assert len(answers) < 20 * BURST, "nothing was refused"
        answers += run_concurrently(*[send] * BURST)
    return answers


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
