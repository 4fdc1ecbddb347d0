"""The largest accepted values, and one more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import MakeClients
from tests.support.client import ChatEndpoint, HttpClient, TestClient

MAX_FRAME_BYTES = 128 * 1024
"""API Gateway closes a connection rather than send it a larger frame (quotas for WebSocket APIs)."""
MAX_CLIENT_FRAME_BYTES = 32 * 1024

LARGEST_TEXTS = {
    "ten thousand characters": "x" * 10_000,
    "24,000 bytes": "€" * 8_000,
    "24,000 bytes of emoji": "🙂" * 6_000,
    "ten thousand characters that JSON writes as two": '"' * 5_000 + "\\" * 5_000,
    "ten thousand line feeds and a dot": "\n" * 9_999 + ".",
}


@pytest.mark.parametrize("text", LARGEST_TEXTS.values(), ids=LARGEST_TEXTS.keys())
def test_largest_text_is_delivered_over_both_transports(clients: MakeClients, text: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    bob.connect(chat)
    alice.send_message(chat, text)
    alice.post_message(chat, text)
    for number in (2, 3):
        assert bob.expect_event("message", sequence_id=number)["content"] == text
    assert [event["content"] for event in bob.list_events(chat)[1:]] == [text, text]


def test_large_snapshot_is_paged_and_contiguous(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    texts = [f"{number:05}" + "€" * 7_998 for number in range(14)]
    for text in texts:
        alice.post_message(chat, text, metadata={"a": "x" * 4_000})
    bob.connect()

    snapshot = bob.subscribe(chat)
    assert _size(snapshot) <= MAX_FRAME_BYTES
    ids = [event["sequence_id"] for event in snapshot["events"]]
    assert 0 < len(ids) < len(texts)
    assert (ids[-1], snapshot["head"], snapshot["first_sequence_id"], snapshot["has_more"]) == (
        15,
        15,
        ids[0],
        True,
    )

    synced: list[Any] = []
    more = True
    while more:
        page = bob.sync(chat, after=len(synced))
        assert _size(page) <= MAX_FRAME_BYTES
        assert page["events"], "nothing, and yet more is to come"
        synced += page["events"]
        more = page["has_more"]
    assert synced == bob.list_events(chat)
    assert [event["content"] for event in synced[1:]] == texts

    resumed = bob.subscribe(chat, after=1)
    assert resumed["first_sequence_id"] == 2
    assert resumed["has_more"] is True
    assert _size(resumed) <= MAX_FRAME_BYTES
    assert bob.get_conversation(chat)["messages"] == synced[1:]


def test_conversation_is_limited_to_a_hundred_participants(
    endpoint: ChatEndpoint, http: HttpClient, clients: MakeClients
) -> None:
    alice, bob, one_too_many = clients("alice", "bob", "one-too-many")
    bob.connect()
    others = [{"participant_id": f"{alice.id}-{number}", "name": f"Number {number}"} for number in range(98)]
    others.append({"participant_id": bob.id, "name": bob.name})
    chat = alice.create_conversation("Crowd", participants=others, join_policy="open")
    assert bob.expect_frame(type="conversation_added")["conversation"]["participant_count"] == 100

    view = alice.get_conversation(chat)
    assert view["participant_count"] == 100
    assert {participant["participant_id"] for participant in view["participants"]} == {
        alice.id,
        *(other["participant_id"] for other in others),
    }
    body = {"participant_id": one_too_many.id, "name": "One too many"}
    alice.post(f"/conversations/{chat}/participants", body).expect(409, "PARTICIPANT_LIMIT")
    one_too_many.post(f"/conversations/{chat}/join").expect(409, "PARTICIPANT_LIMIT")

    snapshot = bob.subscribe(chat)
    assert len(snapshot["participants"]) == 100
    assert len(snapshot["events"][0]["participants"]) == 100
    last = TestClient(endpoint, http, others[97]["participant_id"], others[97]["name"])
    last.post_message(chat, "hello, crowd")
    bob.expect_message("hello, crowd")
    last.leave(chat)
    one_too_many.join(chat)


def test_participants_are_truncated_in_large_frames(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    others = [
        {"participant_id": f"{number:03}" + "x" * 252, "name": f"{number:03}" + "🙂" * 97} for number in range(99)
    ]
    chat = alice.create_conversation("Crowd", participants=others)
    alice.connect()
    alice.post_message(chat, "hello")
    for answer in (alice.subscribe(chat, after=1), alice.sync(chat, after=1)):
        assert answer["participants_truncated"] is True
        assert 0 < len(answer["participants"]) < 100
        assert [event["type"] for event in answer["events"]] == ["message"]
        assert _size(answer) <= MAX_FRAME_BYTES
    assert len(alice.get_conversation(chat)["participants"]) == 100
    assert len(alice.list_events(chat)[0]["participants"]) == 100


def test_largest_creation_event_is_available_by_sync(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    # A quotation mark takes two bytes in JSON, an emoji four: no list of a hundred names is larger.
    others = [
        {"participant_id": f"{number:03}" + '"' * 252, "name": f"{number:03}" + "🙂" * 97} for number in range(99)
    ]
    chat = alice.create_conversation("Crowd", participants=others)
    alice.post_message(chat, "hello")
    alice.connect()
    synced: list[Any] = []
    for _ in range(5):
        page = alice.sync(chat, after=len(synced))
        assert _size(page) <= MAX_FRAME_BYTES
        synced += page["events"]
        if not page["has_more"]:
            break
    assert [event["type"] for event in synced] == ["conversation_created", "message"]


def test_largest_values_are_accepted(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    others = [{"participant_id": f"{number:02}" + "!" * 253, "name": "é" * 100} for number in range(20)]
    title = "🙂" * 200
    metadata = {"a": "x" * (4_096 - len('{"a":""}'))}
    chat = alice.create_conversation(title, participants=others, metadata=metadata)
    view = alice.get_conversation(chat)
    assert (view["title"], view["metadata"]) == (title, metadata)
    fields: dict[str, Any] = {
        "mentions": [other["participant_id"] for other in others],
        "metadata": metadata,
    }
    posted = alice.post_message(chat, "hello", client_message_id="~" * 128, **fields)
    assert {name: posted[name] for name in fields} == fields
    assert posted["client_message_id"] == "~" * 128
    socket = alice.connect(chat)
    socket.send("message", id="é" * 128, conversation_id=chat, content="hello", client_message_id="!", **fields)
    assert socket.expect_frame(id="é" * 128)["type"] == "message_ack"


def test_metadata_of_64_levels_is_stored_unchanged(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    deep: Any = {"leaf": [1, -0.5, 1e300, True, None, "", "é\u0000\u0007", 2**70]}
    for _ in range(60):
        deep = {"x": deep}
    chat = alice.create_conversation("Deep", metadata=deep)  # the body, 61 objects, and the list
    assert alice.get_conversation(chat)["metadata"] == deep
    assert alice.post_message(chat, "deep", metadata=deep)["metadata"] == deep
    assert alice.list_events(chat)[1]["metadata"] == deep


def test_largest_body_and_frame_are_accepted(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    body = b'{"title":"x"' + b" " * (256 * 1024 - 13) + b"}"
    assert len(body) == 256 * 1024
    alice.post("/conversations", raw=body).expect(201)
    frame = '{"type":"ping","id":"large"' + " " * (MAX_CLIENT_FRAME_BYTES - 28) + "}"
    assert len(frame) == MAX_CLIENT_FRAME_BYTES
    socket = alice.connect()
    socket.send_text(frame)
    assert socket.expect_frame(id="large")["type"] == "pong"


def test_ping_and_hello_accept_a_hundred_conversations(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    asked = [*(f"conv_{number:022}" for number in range(99)), chat]
    alice.connect()
    assert alice.ping(**dict.fromkeys(asked, 0))["heads"] == {chat: 1}
    number = alice.socket.send_with_id(
        "hello", subscribe=[{"conversation_id": conversation_id} for conversation_id in asked]
    )
    answers = [alice.socket.expect_frame(id=number) for _ in range(101)]
    assert [answer["type"] for answer in answers] == ["welcome", *["error"] * 99, "subscribed"]
    assert [answer["conversation_id"] for answer in answers[1:]] == asked


def _size(frame: dict[str, Any]) -> int:
    """Return the size of a frame on the wire, in bytes."""
    return len(json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode())
