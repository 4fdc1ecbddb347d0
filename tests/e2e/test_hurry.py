"""What ends by itself: tickets, tokens of open sockets, the rate of messages; mostly at a server in a hurry."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.conftest import People
from tests.e2e.together import at_once
from tests.support.client import Answer, Frame, Person, Socket, new_client_message_id
from tests.support.server import Server

BURST = 5
PATIENCE = 15.0


def test_a_ticket_is_worth_nothing_when_its_time_is_over(hurried_people: People) -> None:
    (alice,) = hurried_people("alice")
    given = alice.post("/tickets").expect(201)
    assert given["expires_in"] == 1
    _wait_until(time.time() + given["expires_in"] + 1)
    with pytest.raises(InvalidStatus) as refused:
        Socket(f"{alice.stage.ws_url}?ticket={given['ticket']}").close()
    assert refused.value.response.status_code == 401


def test_of_many_who_redeem_one_ticket_at_once_one_gets_in(people: People) -> None:
    (alice,) = people("alice")
    ticket = alice.post("/tickets").expect(201)["ticket"]

    def redeem() -> Socket | None:
        try:
            return Socket(f"{alice.stage.ws_url}?ticket={ticket}")
        except InvalidStatus:
            return None

    opened = [socket for socket in at_once(*[redeem] * 6) if socket is not None]
    alice.sockets += opened
    assert len(opened) == 1


# ---- tokens that expire ----------------------------------------------------------------------------------


def test_a_socket_whose_token_has_expired_is_told_so_until_it_brings_a_new_one(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    # A token is accepted for half a minute after its expiry, but what it opens has expired.
    socket = Socket(alice.stage.ws_url, headers=_authorization(_expired(alice)))
    alice.sockets.append(socket)
    for command, fields in (
        ("hello", {}),
        ("subscribe", {"conversation_id": chat}),
        ("message", {"conversation_id": chat, "content": "hello", "client_message_id": "x"}),
        ("typing", {"conversation_id": chat, "is_typing": True}),
        ("ping", {}),
    ):
        answer = socket.asks(command, **fields)
        assert (answer["type"], answer["code"]) == ("error", "TOKEN_EXPIRED")
    assert alice.head(chat) == 1

    renewed = socket.asks("auth", token=alice.token)
    assert renewed["type"] == "auth_ok"
    assert socket.asks("hello")["expires_at"] == renewed["expires_at"]
    alice.subscribes(chat)
    alice.says(chat, "hello")
    alice.hears_message("hello")


def test_auth_refuses_bad_tokens_and_those_of_others_and_the_socket_stays_as_it_is(people: People) -> None:
    alice, bob = people("alice", "bob")
    socket = alice.connects()
    answer = socket.asks("auth", token=bob.token)
    assert answer["code"] == "FORBIDDEN"
    for bad in ("x", alice.token[:-3], alice.stage.token(alice.id, alice.name, -100)):
        answer = socket.asks("auth", token=bad)
        assert answer["code"] == "UNAUTHORIZED"
        assert bad not in str(answer) or bad == "x"
    assert socket.asks("hello")["participant"] == alice.reference


def test_auth_takes_over_the_name_of_the_new_token(people: People) -> None:
    (alice,) = people("alice")
    socket = alice.connects()
    renamed = alice.stage.token(alice.id, "Alicia", 3600)
    assert socket.asks("auth", token=renamed)["type"] == "auth_ok"
    assert socket.asks("hello")["participant"]["name"] == "Alicia"


def test_a_socket_is_closed_when_it_speaks_after_its_grace_is_over(
    hurried_server: Server, hurried_people: People
) -> None:
    (alice,) = hurried_people("alice")
    socket = Socket(hurried_server.stage.ws_url, headers=_authorization(_expired(alice, by=20)))
    socket.sends("ping")
    last_words = socket.hears(type="disconnect")
    assert (last_words["code"], last_words["reconnect"]) == ("TOKEN_EXPIRED", True)
    assert socket.is_closed_by_server() == 1000
    assert socket.inbox == []
    socket.close()


def test_a_socket_whose_grace_is_over_hears_no_event_but_a_goodbye(hurried_people: People) -> None:
    alice, bob, carol = hurried_people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    carol.connects(chat)
    bob.connects(chat)
    alice.posts(chat, "in time")
    bob.hears_message("in time")
    bob.asks("auth", "auth_ok", token=_expired(bob, by=20))
    bob.socket.inbox.clear()

    alice.posts(chat, "too late")
    carol.hears_message("too late")
    assert bob.hears(type="disconnect")["code"] == "TOKEN_EXPIRED"
    assert bob.socket.is_closed_by_server() == 1000
    assert bob.socket.inbox == []
    assert carol.hears(type="presence", online=False)["participant"] == bob.reference


def test_a_socket_whose_grace_is_over_does_not_hear_who_went_but_a_goodbye(hurried_people: People) -> None:
    alice, bob, carol = hurried_people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    carol.connects(chat)
    bob.connects(chat)
    alice.connects(chat)
    bob.hears(type="presence", online=True, participant={"participant_id": alice.id})
    bob.asks("auth", "auth_ok", token=_expired(bob, by=20))
    bob.socket.inbox.clear()

    alice.disconnects()
    carol.hears(type="presence", online=False, participant={"participant_id": alice.id})
    assert bob.hears(type="disconnect")["code"] == "TOKEN_EXPIRED"
    assert bob.socket.is_closed_by_server() == 1000
    assert bob.socket.inbox == []


def test_who_renews_their_token_in_time_goes_on_hearing(hurried_people: People) -> None:
    alice, bob = hurried_people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    expires = int(time.time()) + 3  # on a busy machine the new one may take a while
    bob.asks("auth", "auth_ok", token=bob.stage.token(bob.id, bob.name, 3))
    bob.asks("auth", "auth_ok", token=bob.token)
    _wait_until(expires + 2)  # the grace is one second
    alice.posts(chat, "still there?")
    bob.hears_message("still there?")
    bob.says(chat, "yes")


# ---- the rate --------------------------------------------------------------------------------------------


def test_by_http_a_burst_is_let_through_and_then_told_when_to_come_again(hurried_people: People) -> None:
    (alice,) = hurried_people("alice")
    chat = alice.creates("Chat")
    answers = _posts_until_refused(alice, chat)
    refused = next(answer for answer in answers if answer.status != 201)
    error = refused.expect(429, "RATE_LIMITED")["error"]
    assert error["retry_after"] > 0
    assert int(refused.headers["retry-after"]) >= 1
    accepted = [answer.body["sequence_id"] for answer in answers if answer.status == 201]
    assert len(accepted) >= BURST
    assert sorted(accepted) == list(range(2, len(accepted) + 2))

    # Others of the burst may have been let in after this one was refused; alone, the time that is named holds.
    again = alice.post(f"/conversations/{chat}/messages", {"content": "again"})
    if again.status == 429:
        time.sleep(again.body["error"]["retry_after"])  # what a client is told to do
        alice.posts(chat, "after the time that was named")
    assert alice.head(chat) == len(accepted) + 2


def test_by_socket_a_burst_is_let_through_and_then_told_when_to_come_again(hurried_people: People) -> None:
    (alice,) = hurried_people("alice")
    chat = alice.creates("Chat")
    socket = alice.connects()
    answers: list[Frame] = []
    while not any(answer["type"] == "error" for answer in answers):
        assert len(answers) < 20 * BURST, "nothing was refused"
        numbers = [
            socket.sends_numbered(
                "message", conversation_id=chat, content="x", client_message_id=new_client_message_id()
            )
            for _ in range(2 * BURST)
        ]
        answers += [socket.answer_to(number) for number in numbers]
    for answer in answers:
        if answer["type"] == "error":
            assert (answer["code"], answer["retryable"]) == ("RATE_LIMITED", True)
            assert answer["retry_after"] > 0
            assert answer["conversation_id"] == chat
    accepted = [answer["sequence_id"] for answer in answers if answer["type"] == "message_ack"]
    assert len(accepted) >= BURST
    assert sorted(accepted) == list(range(2, len(accepted) + 2))
    assert alice.head(chat) == len(accepted) + 1


def test_every_message_gets_in_if_it_is_repeated_as_told(hurried_people: People) -> None:
    (alice,) = hurried_people("alice")
    chat = alice.creates("Chat")
    alice.connects()
    for index in range(BURST + 8):
        message = {"conversation_id": chat, "content": f"{index}", "client_message_id": f"m{index}"}
        deadline = time.monotonic() + PATIENCE
        while (answer := alice.socket.asks("message", **message))["type"] != "message_ack":
            assert answer["code"] == "RATE_LIMITED"
            assert time.monotonic() < deadline
            time.sleep(answer["retry_after"])  # what a client is told to do
    assert [event["content"] for event in alice.log(chat)[1:]] == [f"{index}" for index in range(BURST + 8)]


def test_the_rate_of_one_is_not_that_of_another(hurried_people: People) -> None:
    alice, bob = hurried_people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    _posts_until_refused(alice, chat)
    bob.posts(chat, "I have said nothing yet")
    alice.connects()
    alice.reads(chat, 1)
    assert alice.head(chat) > BURST


def _posts_until_refused(person: Person, conversation: str) -> list[Answer]:
    """Send several messages at once, again and again, until one is refused; all answers."""

    def send() -> Answer:
        return person.post(f"/conversations/{conversation}/messages", {"content": "x"})

    answers: list[Answer] = []
    while all(answer.status == 201 for answer in answers):
        assert len(answers) < 20 * BURST, "nothing was refused"
        answers += at_once(*[send] * BURST)
    return answers


def _expired(person: Person, *, by: int = 5) -> str:
    return person.stage.token(person.id, person.name, -by)


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _wait_until(moment: float) -> None:
    """Wait for a moment of the clock on the wall, by which tickets and tokens end."""
    while (left := moment - time.time()) > 0:
        time.sleep(left)
