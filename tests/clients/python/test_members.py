"""Participants, presence, typing, read pointers and unread counts of a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from serverless_chat.core.client import Client
from serverless_chat.core.outputs import JsonObject, MembersChanged, Refused, SendFrame

from tests.clients.python.drive import HISTORY, NOW, SOCKET, WELCOME, connected, error, event, frames, take

ALICE: JsonObject = {"participant_id": "alice", "name": "Alice", "role": "owner", "online": True, "read_up_to": 2}
BOB: JsonObject = {"participant_id": "bob", "name": "Bob", "role": "member", "online": False, "read_up_to": 0}


def opened(unread: int = 1) -> Client:
    """Return a client with three events, of which the user has read two."""
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    page: JsonObject = {"head": 3, "has_more": False, "events": [event(number) for number in (1, 2, 3)]}
    people: JsonObject = {"participants": [ALICE, BOB], "read_up_to": 2, "unread_count": unread}
    receive(client, "subscribed", id=subscribe["id"], history_id=HISTORY, **page, **people)
    list(client.outputs())
    return client


def receive(client: Client, kind: str, at: float = NOW, **fields: Any) -> None:
    client.receive(SOCKET, {"type": kind, "conversation_id": "conv_a", **fields}, at)


def push(client: Client, *events: JsonObject) -> None:
    receive(client, "events", events=list(events), history_id=HISTORY)


def typing(client: Client, is_typing: bool, sent_at: str, at: float = NOW) -> None:
    receive(client, "typing", at, participant=BOB, is_typing=is_typing, sent_at=sent_at)


def typists(client: Client) -> list[str]:
    return [typist["participant_id"] for typist in client.typists("conv_a")]


def people(client: Client) -> dict[str, JsonObject]:
    return {entry["participant_id"]: entry for entry in client.participants("conv_a")}


def test_presence_and_read_pointers_of_others_are_followed() -> None:
    client = opened()
    receive(client, "presence", participant=BOB, online=True)
    receive(client, "read", participant_id="bob", sequence_id=3, history_id=HISTORY)
    assert MembersChanged("conv_a") in take(client, MembersChanged)
    assert (people(client)["bob"]["online"], people(client)["bob"]["read_up_to"]) == (True, 3)


def test_joins_role_changes_and_departures_change_the_participants() -> None:
    client = opened()
    carol = {"participant_id": "carol", "name": "Carol", "role": "member"}
    push(client, event(4, "participant_joined", participant=carol, reason="joined"))
    push(client, event(5, "participant_updated", participant=carol | {"role": "moderator"}))
    push(client, event(6, "participant_left", participant=BOB, reason="left"))
    assert {name: entry["role"] for name, entry in people(client).items()} == {
        "alice": "owner",
        "carol": "moderator",
    }


@pytest.mark.parametrize("seconds", [6.0, 60.0])
def test_typing_expires(seconds: float) -> None:
    client = opened()
    typing(client, True, "1")
    assert typists(client) == ["bob"]
    assert client.next_timer(NOW) == pytest.approx(6.0)
    client.advance(NOW + seconds)
    assert typists(client) == []


@pytest.mark.parametrize(
    "end",
    [
        ("typing", {"participant": BOB, "is_typing": False, "sent_at": "1"}),
        ("presence", {"participant": BOB, "online": False}),
        ("events", {"history_id": HISTORY, "events": [event(4)]}),
        ("events", {"history_id": HISTORY, "events": [event(4, "participant_left", participant=BOB)]}),
        (
            "events",
            {
                "history_id": HISTORY,
                "events": [event(4, "participant_updated", participant=BOB | {"muted_until": "x"})],
            },
        ),
    ],
)
def test_typing_ends_with_each_sign_of_its_end(end: tuple[str, JsonObject]) -> None:
    client = opened()
    typing(client, True, "1")
    kind, fields = end
    receive(client, kind, **fields)
    assert typists(client) == []


def test_typing_push_that_was_overtaken_has_no_effect() -> None:
    client = opened()
    typing(client, False, "2")
    typing(client, True, "1")
    typing(client, True, "2")
    assert typists(client) == []
    typing(client, True, "3")
    assert typists(client) == ["bob"]


def test_messages_of_others_count_as_unread_until_they_are_read() -> None:
    client = opened()
    list(client.outputs())
    push(client, event(4), event(5, sender={"participant_id": "alice"}))
    assert client.read_state("conv_a") == (2, 2)
    assert take(client, MembersChanged) == [MembersChanged("conv_a")]
    client.read("conv_a", NOW)
    assert client.read_state("conv_a") == (5, 0)


def test_own_message_directly_after_the_pointer_moves_it() -> None:
    client = opened(unread=0)
    client.read("conv_a", NOW)
    push(client, event(4, sender={"participant_id": "alice"}))
    assert client.read_state("conv_a") == (4, 0)


def test_read_marks_are_coalesced() -> None:
    client = opened()
    client.read("conv_a", NOW, sequence_id=3)
    push(client, event(4))
    client.read("conv_a", NOW + 0.5)
    client.advance(NOW + 0.9)
    assert frames(client, "read") == []
    client.advance(NOW + 1.0)
    [read] = frames(client, "read")
    assert (read["conversation_id"], read["sequence_id"], read["history_id"]) == ("conv_a", 4, HISTORY)
    receive(client, "read_ack", NOW + 1, id=read["id"], read_up_to=4, unread_count=0, history_id=HISTORY)
    client.advance(NOW + 60)
    assert frames(client, "read") == []


def test_unanswered_read_mark_is_repeated() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.advance(NOW + 1)
    list(client.outputs())
    client.advance(NOW + 13)
    assert [frame["sequence_id"] for frame in frames(client, "read")] == [3]


def test_refused_read_mark_is_dropped_silently() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.advance(NOW + 1)
    [sent] = frames(client, "read")
    client.receive(SOCKET, error(sent, "BLOCKED", conversation_id="conv_a", retryable=False), NOW + 1)
    client.advance(NOW + 30)
    client.close("conv_a")
    outputs = list(client.outputs())
    assert [output.frame["type"] for output in outputs if isinstance(output, SendFrame)] == ["unsubscribe"]
    assert not [output for output in outputs if isinstance(output, Refused)]


def test_message_takes_the_read_mark_along() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    assert (message["seen"], message["history_id"]) == (3, HISTORY)
    ack = {"id": message["id"], "sequence_id": 4, "history_id": HISTORY, "duplicate": False}
    receive(client, "message_ack", **ack)
    client.advance(NOW + 60)
    assert frames(client, "read") == []


def test_repeat_of_a_message_confirms_no_read_mark() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    ack = {"id": message["id"], "sequence_id": 4, "history_id": HISTORY, "duplicate": True}
    receive(client, "message_ack", **ack)
    assert [frame["sequence_id"] for frame in frames(client, "read")] == [3]


def test_later_mark_than_that_of_a_message_is_sent_within_a_second() -> None:
    client = opened()
    client.read("conv_a", NOW, 2)
    client.read("conv_a", NOW, 3)
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    push(client, event(4))
    client.read("conv_a", NOW)
    ack = {"id": message["id"], "sequence_id": 5, "history_id": HISTORY, "duplicate": False}
    receive(client, "message_ack", **ack)
    client.advance(NOW + 1)
    assert [frame["sequence_id"] for frame in frames(client, "read")] == [4]


def test_page_that_is_older_than_the_mark_of_another_device_moves_no_pointer_back() -> None:
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    receive(client, "read", participant_id="alice", sequence_id=2, unread_count=1, history_id=HISTORY)
    page: JsonObject = {"head": 3, "has_more": False, "events": [event(number) for number in (1, 2, 3)]}
    receive(client, "subscribed", id=subscribe["id"], history_id=HISTORY, **page, read_up_to=0, unread_count=3)
    assert client.read_state("conv_a") == (2, 1)
    push(client, event(4))
    assert client.read_state("conv_a") == (2, 2)


def test_unread_messages_after_a_huge_gap_are_those_of_the_server_until_the_mark_is_confirmed() -> None:
    client = opened()
    client.read("conv_a", NOW)
    receive(client, "pong", history_id=HISTORY, heads={"conv_a": 1_000})
    [subscribe] = frames(client, "subscribe")
    page: JsonObject = {
        "head": 1_000,
        "has_more": False,
        "events": [event(number) for number in range(951, 1_001)],
    }
    receive(client, "subscribed", id=subscribe["id"], history_id=HISTORY, **page, read_up_to=2, unread_count=998)
    assert client.read_state("conv_a") == (3, 998)
    client.advance(NOW + 1)
    [read] = frames(client, "read")
    receive(client, "read_ack", id=read["id"], history_id=HISTORY, read_up_to=3, unread_count=997)
    assert (read["sequence_id"], client.read_state("conv_a")) == (3, (3, 997))


def test_mark_of_a_conversation_that_was_closed_is_shown_when_it_is_opened_again() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.close("conv_a")
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    page: JsonObject = {"head": 3, "has_more": False, "events": [event(number) for number in (1, 2, 3)]}
    receive(client, "subscribed", id=subscribe["id"], history_id=HISTORY, **page, read_up_to=2, unread_count=1)
    ack = {"id": message["id"], "sequence_id": 4, "history_id": HISTORY, "duplicate": False}
    receive(client, "message_ack", **ack)
    [read] = frames(client, "read")
    receive(client, "read_ack", id=read["id"], history_id=HISTORY, read_up_to=3, unread_count=0)
    assert client.read_state("conv_a") == (3, 0)


def test_mark_of_a_conversation_that_is_closed_without_a_connection_is_sent_by_the_next_one() -> None:
    client = opened()
    client.socket_closed(SOCKET, NOW)
    client.read("conv_a", NOW)
    client.close("conv_a")
    client.online(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET + 1, NOW)
    client.receive(SOCKET + 1, WELCOME, NOW)
    assert [frame["sequence_id"] for frame in frames(client, "read")] == [3]


def test_mark_of_a_closed_conversation_is_repeated_until_the_server_has_it() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.close("conv_a")
    client.advance(NOW + 1)
    assert len(frames(client, "read")) == 1  # its answer is lost
    client.advance(NOW + 14)
    [again] = frames(client, "read")
    receive(client, "error", NOW + 14, **error(again, "UNAVAILABLE", retryable=True, retry_after=2))
    client.socket_closed(SOCKET, NOW + 14)
    client.online(NOW + 14)
    client.token_received("token", NOW + 14)
    client.socket_opened(SOCKET + 1, NOW + 14)
    client.receive(SOCKET + 1, WELCOME, NOW + 14)
    [last] = frames(client, "read")
    assert (last["conversation_id"], last["sequence_id"]) == ("conv_a", 3)
    ack = {"type": "read_ack", "id": last["id"], "history_id": HISTORY, "conversation_id": "conv_a"}
    client.receive(SOCKET + 1, {**ack, "read_up_to": 3, "unread_count": 0}, NOW + 14)
    client.advance(NOW + 60)
    assert frames(client, "read") == []


def test_message_with_an_invalid_mark_is_sent_again_without_it() -> None:
    client = opened()
    client.read("conv_a", NOW)
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    receive(client, "error", id=message["id"], code="VALIDATION_FAILED", retryable=False)
    [again] = frames(client, "message")
    assert ("seen" in again, again["client_message_id"]) == (False, "k")


def test_read_on_another_device_moves_the_pointer() -> None:
    client = opened()
    receive(client, "read", participant_id="alice", sequence_id=3, history_id=HISTORY)
    assert client.read_state("conv_a") == (3, 0)


def test_keystrokes_send_few_typing_frames() -> None:
    client = opened()
    for tenths in range(40):
        client.typing("conv_a", NOW + tenths / 10)
    assert [frame["is_typing"] for frame in frames(client, "typing")] == [True, True]
    client.advance(NOW + 9.9)
    assert [frame["is_typing"] for frame in frames(client, "typing")] == [False]


def test_typing_ends_when_the_user_stops_and_silently_with_a_message() -> None:
    client = opened()
    client.typing("conv_a", NOW)
    client.typing("conv_a", NOW, is_typing=False)
    assert [frame["is_typing"] for frame in frames(client, "typing")] == [True, False]
    client.typing("conv_a", NOW)
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    client.typing("conv_a", NOW, is_typing=False)
    assert [frame["is_typing"] for frame in frames(client, "typing")] == [True]


def test_unread_messages_are_counted_once_when_pages_events_and_marks_overtake_each_other() -> None:
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    push(client, event(5))
    page: JsonObject = {"history_id": HISTORY, "participants": [ALICE, BOB], "read_up_to": 1}
    events = [event(number) for number in (1, 2, 3, 4)]
    fields: JsonObject = {"id": subscribe["id"], "head": 4, "has_more": False, "events": events, "unread_count": 3}
    receive(client, "subscribed", **page, **fields)
    assert client.read_state("conv_a") == (1, 4), "the page has not counted the fifth"
    client.receive(SOCKET, {"type": "pong", "id": "p", "history_id": HISTORY, "heads": {"conv_a": 8}}, NOW)
    [sync] = frames(client, "sync")
    fields = {"id": sync["id"], "head": 8, "has_more": True, "events": [event(6)], "unread_count": 7}
    receive(client, "sync", **page, **fields)
    push(client, event(7))
    push(client, event(8))
    assert client.read_state("conv_a") == (1, 7), "it has counted them"
    receive(client, "read", participant_id="alice", sequence_id=9, history_id=HISTORY, unread_count=0)
    push(client, event(9))
    push(client, event(10))
    assert client.read_state("conv_a") == (9, 1)
