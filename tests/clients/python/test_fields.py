"""The fields of commands: values that no frame can carry are refused before they are queued and stored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.python.drive import HISTORY, NOW, SOCKET, connected, error, event, frames

LONE = "\ud83d"
"""Half of an emoji, as of a text that was cut."""


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("key", {"content": LONE}),
        (LONE, {"content": "hi"}),
        ("key", {"content": "hi", "metadata": {"score": float("nan")}}),
        ("key", {"content": "hi", "metadata": {"score": [float("inf")]}}),
        ("key", {"content": "hi", "metadata": nested(62)}),
    ],
    ids=["content", "id", "nan", "infinity", "levels"],
)
def test_message_that_no_frame_can_carry_is_refused_and_holds_no_other(key: str, fields: dict[str, Any]) -> None:
    client = connected()
    with pytest.raises(ValueError):
        client.send("conv_a", key, fields, NOW)
    assert client.messages("conv_a") == []
    client.send("conv_a", "later", {"content": "hello"}, NOW)
    assert [frame["content"] for frame in frames(client, "message")] == ["hello"]


def test_update_that_no_frame_can_carry_is_refused() -> None:
    client = connected()
    with pytest.raises(ValueError, match="JSON compliant"):
        client.update("conv_a", "edit", 2, {"content": "hi", "metadata": {"score": float("nan")}}, NOW)
    assert frames(client) == []


def test_conversation_that_no_frame_can_name_is_not_opened() -> None:
    client = connected()
    with pytest.raises(UnicodeEncodeError):
        client.open(LONE, NOW)
    assert frames(client) == []


def test_deep_and_strange_metadata_are_sent_as_the_server_reads_them() -> None:
    client = connected()
    client.send("conv_a", "key", {"content": "hi", "metadata": {1: "a", "1": "b", "deep": nested(50)}}, NOW)
    [message] = frames(client, "message")
    assert message["metadata"] == {"1": "b", "deep": nested(50)}


def test_repeated_message_has_the_body_of_its_first_attempt_also_if_the_caller_has_changed_its_metadata() -> None:
    client = connected()
    metadata = {"step": 1}
    client.send("conv_a", "key", {"content": "hi", "metadata": metadata}, NOW)
    metadata["step"] = 2
    [first] = frames(client, "message")
    client.receive(SOCKET, error(first, "UNAVAILABLE", retryable=True, history_id=HISTORY), NOW)
    client.advance(NOW + 10)
    [again] = frames(client, "message")
    assert again["metadata"] == first["metadata"] == {"step": 1}


def test_update_of_a_message_that_has_left_the_outbox_since_names_its_place() -> None:
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    about = {"conversation_id": "conv_a", "history_id": HISTORY}
    page = {
        "head": 1,
        "has_more": False,
        "events": [event(1)],
        "read_up_to": 0,
        "unread_count": 0,
        "participants": [],
    }
    client.receive(SOCKET, {"type": "subscribed", "id": subscribe["id"], **about, **page}, NOW)
    client.send("conv_a", "key", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    ack = {"type": "message_ack", "id": message["id"], "sequence_id": 2, "duplicate": False}
    client.receive(SOCKET, {**ack, **about}, NOW)
    own = event(2, client_message_id="key", sender={"participant_id": "alice", "name": "Alice"})
    others = event(3, client_message_id="key")
    client.receive(SOCKET, {"type": "events", **about, "events": [own, others]}, NOW)
    client.update("conv_a", "edit", "key", {"content": "hello"}, NOW)
    assert [frame["target"] for frame in frames(client, "edit")] == [2]
    with pytest.raises(KeyError):
        client.update("conv_a", "edit", "another", {"content": "hello"}, NOW)
