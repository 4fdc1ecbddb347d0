"""Connecting, staying connected, and connecting again."""

from __future__ import annotations

import pytest
from serverless_chat.core.outputs import (
    CloseSocket,
    OpenSocket,
    RequestToken,
    SendFrame,
    StatusChanged,
    Ticket,
)

from tests.clients.python.drive import (
    HISTORY,
    NOW,
    SOCKET,
    WELCOME,
    connect,
    connected,
    error,
    event,
    frames,
    new_client,
    take,
)


def test_token_callback_is_called_for_every_handshake() -> None:
    client = new_client()
    client.start(NOW)
    assert len(take(client, RequestToken)) == 1
    client.token_received("first", NOW)
    assert take(client, OpenSocket) == [OpenSocket(1, "first")]
    client.socket_closed(1, NOW)
    client.advance(NOW + 30)
    assert len(take(client, RequestToken)) == 1
    client.token_received("second", NOW + 30)
    assert take(client, OpenSocket) == [OpenSocket(2, "second")]


def test_hello_names_history_positions_and_n() -> None:
    position = {"sequence_id": 7, "history_id": "1.conversations"}
    client = new_client({"history": {"history_id": "1.conversations"}, "position/conv_a": position})
    client.open("conv_a", NOW, resume=True)
    client.open("conv_b", NOW)
    connect(client)
    [hello] = frames(client, "hello")
    assert hello["subscribe"] == [{"conversation_id": "conv_a", "after": 7}, {"conversation_id": "conv_b"}]
    assert hello["history_id"] == "1.conversations"
    assert hello["n"] > 0


def test_conversations_beyond_the_list_of_hello_are_subscribed_one_by_one() -> None:
    client = new_client()
    for number in range(103):
        client.open(f"conv_{number}", NOW)
    connect(client)
    sent = frames(client)
    assert len(sent[0]["subscribe"]) == 100
    assert [frame["conversation_id"] for frame in sent[1:]] == ["conv_100", "conv_101", "conv_102"]


@pytest.mark.parametrize(("attempts", "longest"), [(1, 2.0), (2, 4.0), (4, 16.0), (5, 30.0), (12, 30.0)])
def test_reconnect_waits_a_random_part_of_an_exponential_delay(attempts: int, longest: float) -> None:
    client = new_client(jitter=0.75)
    now = NOW
    client.start(now)
    delay = None
    for socket in range(1, attempts + 1):
        client.token_received("token", now)
        client.socket_closed(socket, now)
        delay = client.next_timer(now)
        now += 31
        client.advance(now)
    assert delay == pytest.approx(0.75 * longest)


def test_online_ends_a_running_backoff() -> None:
    client = new_client()
    client.start(NOW)
    client.token_failed(NOW)
    list(client.outputs())
    client.online(NOW)
    assert len(take(client, RequestToken)) == 1


def test_ping_names_the_positions_within_the_interval_and_a_missing_pong_ends_the_connection() -> None:
    client = connected(ping_interval=20)
    client.open("conv_a", NOW)
    list(client.outputs())
    client.advance(NOW + 20)
    assert frames(client, "ping")[0]["heads"] == {"conv_a": 0}
    client.advance(NOW + 25)
    assert take(client, CloseSocket) == [CloseSocket(SOCKET)]


def test_answered_ping_keeps_the_connection() -> None:
    client = connected(ping_interval=20)
    client.advance(NOW + 20)
    [ping] = frames(client, "ping")
    client.receive(SOCKET, {"type": "pong", "id": ping["id"], "history_id": "1.conversations"}, NOW + 21)
    client.advance(NOW + 30)
    assert take(client, CloseSocket) == []


def test_token_is_renewed_before_it_expires() -> None:
    client = connected(ping_interval=100_000)
    client.advance(NOW + 3_539)
    assert take(client, RequestToken) == []
    client.advance(NOW + 3_540)
    assert len(take(client, RequestToken)) == 1
    client.token_received("new", NOW + 3_541)
    assert [frame["token"] for frame in frames(client, "auth")] == ["new"]


def test_ticket_opens_another_connection_instead_of_a_renewal() -> None:
    client = connected(ping_interval=100_000)
    client.advance(NOW + 3_540)
    client.send("conv_a", "k", {"content": "unanswered"}, NOW + 3_540)
    list(client.outputs())
    client.token_received(Ticket("once"), NOW + 3_540)
    outputs = list(client.outputs())
    assert outputs.index(CloseSocket(SOCKET)) < outputs.index(OpenSocket(SOCKET + 1, Ticket("once")))
    assert [output for output in outputs if isinstance(output, SendFrame)] == []
    client.socket_opened(SOCKET + 1, NOW + 3_540)
    client.receive(SOCKET + 1, {**WELCOME, "expires_at": "2027-01-15T10:00:00.000Z"}, NOW + 3_540)
    assert len(frames(client, "message")) == 1, "the former connection's answer is not awaited"


def test_ticket_is_in_no_text() -> None:
    assert "secret" not in f"{Ticket('secret')!r} {OpenSocket(1, Ticket('secret'))}"


def test_unanswered_renewal_is_repeated_with_another_token() -> None:
    client = connected(ping_interval=100_000)
    client.advance(NOW + 3_540)
    client.token_received("lost", NOW + 3_540)
    list(client.outputs())
    client.advance(NOW + 3_552)
    assert len(take(client, RequestToken)) == 1


def test_failed_renewals_do_not_lengthen_the_backoff_of_the_connection() -> None:
    client = connected(ping_interval=100_000)
    now = NOW
    for _ in range(5):
        now += client.next_timer(now) or 0.0
        client.advance(now)
        list(client.outputs())
        client.token_received("refused", now)
        [auth] = frames(client, "auth")
        client.receive(SOCKET, error(auth, "UNAUTHORIZED", retryable=False), now)
    client.socket_closed(SOCKET, now)
    list(client.outputs())
    client.advance(now + 1.0)  # half of the first delay, which is two seconds at most
    assert len(take(client, RequestToken)) == 1


def test_expired_token_is_renewed_at_once_and_refuses_no_message() -> None:
    client = connected()
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    client.receive(SOCKET, error(message, "TOKEN_EXPIRED", retryable=False), NOW)
    assert len(take(client, RequestToken)) == 1
    assert [message.status for message in client.messages("conv_a")] == ["pending"]


def test_item_waits_no_longer_than_a_second_once_the_token_is_renewed() -> None:
    client = connected()
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    now = NOW
    for _ in range(6):  # its delay grows
        [message] = frames(client, "message")
        client.receive(SOCKET, error(message, "TOKEN_EXPIRED", retryable=False), now)
        now += 32
        client.advance(now)
    [message] = frames(client, "message")
    client.receive(SOCKET, error(message, "TOKEN_EXPIRED", retryable=False), now)
    client.receive(SOCKET, {"type": "auth_ok", "expires_at": WELCOME["expires_at"]}, now)
    client.advance(now + 0.9)
    assert frames(client, "message") == []
    client.advance(now + 1)
    assert len(frames(client, "message")) == 1


def test_renewed_token_does_not_shorten_what_the_server_asked_for() -> None:
    client = connected()
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    client.receive(SOCKET, error(message, "RATE_LIMITED", retryable=True, retry_after=20.0), NOW)
    client.receive(SOCKET, {"type": "auth_ok", "expires_at": WELCOME["expires_at"]}, NOW)
    client.advance(NOW + 19.9)
    assert frames(client, "message") == []
    client.advance(NOW + 20)
    assert len(frames(client, "message")) == 1


def test_connection_is_replaced_before_two_hours_have_passed() -> None:
    client = connected(ping_interval=100_000, expires_at="2126-01-15T08:00:00.000Z")
    client.advance(NOW + 5_999)
    assert take(client, CloseSocket) == []
    client.advance(NOW + 6_600)
    outputs = list(client.outputs())
    assert CloseSocket(SOCKET) in outputs
    assert RequestToken() in outputs


@pytest.mark.parametrize(("reconnect", "status"), [(True, "waiting"), (False, "stopped")])
def test_disconnect_frame_decides_whether_to_connect_again(reconnect: bool, status: str) -> None:
    client = connected()
    frame = {"type": "disconnect", "code": "ERASED", "reason": "…", "reconnect": reconnect}
    client.receive(SOCKET, frame, NOW)
    assert take(client, StatusChanged) == [StatusChanged(status)]


def test_inputs_about_a_former_socket_have_no_effect() -> None:
    client = connected()
    client.socket_closed(SOCKET - 1, NOW)
    client.receive(SOCKET + 1, {"type": "disconnect", "reconnect": False}, NOW)
    assert list(client.outputs()) == []


def test_frame_of_the_gateway_itself_has_no_effect() -> None:
    client = connected()
    client.receive(SOCKET, {"message": "Internal server error", "connectionId": "c", "requestId": "r"}, NOW)
    assert list(client.outputs()) == []


def test_clock_that_jumps_back_stops_no_timer() -> None:
    client = connected(ping_interval=20)
    client.advance(NOW - 100_000)
    client.advance(NOW - 100_000 + 20)
    assert len(frames(client, "ping")) == 1


def test_stop_closes_the_socket_and_keeps_the_outbox() -> None:
    client = connected()
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    client.stop(NOW)
    assert CloseSocket(SOCKET) in list(client.outputs())
    assert [message.client_message_id for message in client.messages("conv_a")] == ["k"]
    assert client.next_timer(NOW) is None


def test_heads_of_many_conversations_are_named_in_several_pings() -> None:
    client = connected(ping_interval=20)
    client.watch({"row": 7})
    for number in range(150):
        client.open(f"conv_{number}", NOW)
    list(client.outputs())
    client.advance(NOW + 20)
    pings = [frame["heads"] for frame in frames(client, "ping")]
    assert [len(heads) for heads in pings] == [100, 51]
    assert pings[0]["row"] == 7


def test_refused_hello_is_repeated_on_another_connection() -> None:
    client = new_client()
    client.start(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET, NOW)
    [hello] = frames(client, "hello")
    client.receive(SOCKET, error(hello, "UNAVAILABLE", retryable=True, retry_after=3.0), NOW)
    assert take(client, CloseSocket) == [CloseSocket(SOCKET)]
    client.advance(NOW + 2.9)
    assert take(client, RequestToken) == []
    client.advance(NOW + 4.0)
    assert len(take(client, RequestToken)) == 1


def test_late_pong_of_an_earlier_ping_keeps_no_dead_connection() -> None:
    client = connected(ping_interval=240)
    client.online(NOW)
    client.online(NOW + 3)
    earlier, later = frames(client, "ping")
    client.receive(SOCKET, {"type": "pong", "id": earlier["id"], "heads": {}}, NOW + 4)
    client.advance(NOW + 7.9)
    assert take(client, CloseSocket) == []
    client.advance(NOW + 8)
    assert later["id"] != earlier["id"]
    assert take(client, CloseSocket) == [CloseSocket(SOCKET)]


def test_pong_of_a_later_ping_answers_the_earlier_ones() -> None:
    client = connected(ping_interval=240)
    client.online(NOW)
    client.online(NOW + 3)
    _, later = frames(client, "ping")
    client.receive(SOCKET, {"type": "pong", "id": later["id"], "heads": {}}, NOW + 4)
    client.advance(NOW + 100)
    assert take(client, CloseSocket) == []


def test_online_events_in_a_row_do_not_keep_a_dead_connection() -> None:
    client = connected(ping_interval=240)
    for seconds in (0, 2, 4):
        client.online(NOW + seconds)
    client.advance(NOW + 5)
    assert take(client, CloseSocket) == [CloseSocket(SOCKET)]


def test_lost_unsubscribe_is_sent_again_when_an_event_comes() -> None:
    client = connected()
    client.open("conv_a", NOW)
    client.close("conv_a")
    frames(client)
    for number, seconds in enumerate((0, 1, 9, 10), start=4):
        events = {"type": "events", "conversation_id": "conv_a", "history_id": HISTORY, "events": [event(number)]}
        client.receive(SOCKET, events, NOW + seconds)
    assert [(frame["type"], frame["conversation_id"]) for frame in frames(client)] == [
        ("unsubscribe", "conv_a")
    ] * 2


def test_conversation_that_was_closed_after_hello_is_unsubscribed() -> None:
    client = new_client()
    client.open("conv_a", NOW)
    client.start(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET, NOW)
    client.close("conv_a")
    hello, unsubscribe = frames(client)
    assert (unsubscribe["type"], unsubscribe["conversation_id"]) == ("unsubscribe", "conv_a")
    assert unsubscribe["n"] > hello["n"]


def test_conversation_that_was_opened_after_hello_is_subscribed() -> None:
    client = new_client()
    client.start(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET, NOW)
    client.open("conv_a", NOW)
    list(client.outputs())
    client.receive(SOCKET, WELCOME, NOW)
    assert [frame["conversation_id"] for frame in frames(client, "subscribe")] == ["conv_a"]
