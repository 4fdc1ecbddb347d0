"""As much as there may be of everything, and one more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import People
from tests.support.client import Http, Person, Stage

MAX_FRAME_BYTES = 128 * 1024
"""API Gateway closes a socket rather than send it more (quotas for WebSocket APIs)."""
MAX_COMMAND_BYTES = 32 * 1024

LARGEST_TEXTS = {
    "ten thousand characters": "x" * 10_000,
    "24,000 bytes": "€" * 8_000,
    "24,000 bytes of emoji": "🙂" * 6_000,
    "ten thousand characters that JSON writes as two": '"' * 5_000 + "\\" * 5_000,
    "ten thousand line feeds and a dot": "\n" * 9_999 + ".",
}


@pytest.mark.parametrize("text", LARGEST_TEXTS.values(), ids=LARGEST_TEXTS.keys())
def test_the_largest_text_gets_through_both_ways(people: People, text: str) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    bob.connects(chat)
    alice.says(chat, text)
    alice.posts(chat, text)
    for number in (2, 3):
        assert bob.hears_event("message", sequence_id=number)["content"] == text
    assert [event["content"] for event in bob.log(chat)[1:]] == [text, text]


def test_a_snapshot_of_much_is_paged_and_contiguous_to_the_head(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    texts = [f"{number:05}" + "€" * 7_998 for number in range(14)]
    for text in texts:
        alice.posts(chat, text, metadata={"a": "x" * 4_000})
    bob.connects()

    snapshot = bob.subscribes(chat)
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
        page = bob.syncs(chat, after=len(synced))
        assert _size(page) <= MAX_FRAME_BYTES
        assert page["events"], "nothing, and yet more is to come"
        synced += page["events"]
        more = page["has_more"]
    assert synced == bob.log(chat)
    assert [event["content"] for event in synced[1:]] == texts

    resumed = bob.subscribes(chat, after=1)
    assert resumed["first_sequence_id"] == 2
    assert resumed["has_more"] is True
    assert _size(resumed) <= MAX_FRAME_BYTES
    assert bob.sees(chat)["messages"] == synced[1:]


def test_a_hundred_people_are_as_many_as_there_may_be(stage: Stage, http: Http, people: People) -> None:
    alice, bob, one_too_many = people("alice", "bob", "one-too-many")
    bob.connects()
    others = [{"participant_id": f"{alice.id}-{number}", "name": f"Number {number}"} for number in range(98)]
    others.append({"participant_id": bob.id, "name": bob.name})
    chat = alice.creates("Crowd", participants=others, join_policy="open")
    assert bob.hears(type="conversation_added")["conversation"]["participant_count"] == 100

    view = alice.sees(chat)
    assert view["participant_count"] == 100
    assert {each["participant_id"] for each in view["participants"]} == {
        alice.id,
        *(each["participant_id"] for each in others),
    }
    body = {"participant_id": one_too_many.id, "name": "One too many"}
    alice.post(f"/conversations/{chat}/participants", body).expect(409, "PARTICIPANT_LIMIT")
    one_too_many.post(f"/conversations/{chat}/join").expect(409, "PARTICIPANT_LIMIT")

    snapshot = bob.subscribes(chat)
    assert len(snapshot["participants"]) == 100
    assert len(snapshot["events"][0]["participants"]) == 100
    last = Person(stage, http, others[97]["participant_id"], others[97]["name"])
    last.posts(chat, "hello, crowd")
    bob.hears_message("hello, crowd")
    last.leaves(chat)
    one_too_many.joins(chat)


def test_a_hundred_long_names_are_cut_in_frames_which_say_so(people: People) -> None:
    (alice,) = people("alice")
    others = [
        {"participant_id": f"{number:03}" + "x" * 252, "name": f"{number:03}" + "🙂" * 97} for number in range(99)
    ]
    chat = alice.creates("Crowd", participants=others)
    alice.connects()
    alice.posts(chat, "hello")
    for answer in (alice.subscribes(chat, after=1), alice.syncs(chat, after=1)):
        assert answer["participants_truncated"] is True
        assert 0 < len(answer["participants"]) < 100
        assert [event["type"] for event in answer["events"]] == ["message"]
        assert _size(answer) <= MAX_FRAME_BYTES
    assert len(alice.sees(chat)["participants"]) == 100
    assert len(alice.log(chat)[0]["participants"]) == 100


def test_every_event_can_be_had_by_socket_however_many_took_part_in_the_first(people: People) -> None:
    (alice,) = people("alice")
    # A quotation mark takes two bytes in JSON, an emoji four: no list of a hundred takes more room.
    others = [
        {"participant_id": f"{number:03}" + '"' * 252, "name": f"{number:03}" + "🙂" * 97} for number in range(99)
    ]
    chat = alice.creates("Crowd", participants=others)
    alice.posts(chat, "hello")
    alice.connects()
    synced: list[Any] = []
    for _ in range(5):
        page = alice.syncs(chat, after=len(synced))
        assert _size(page) <= MAX_FRAME_BYTES
        synced += page["events"]
        if not page["has_more"]:
            break
    assert [event["type"] for event in synced] == ["conversation_created", "message"]


def test_the_largest_of_everything_is_accepted(people: People) -> None:
    (alice,) = people("alice")
    others = [{"participant_id": f"{number:02}" + "!" * 253, "name": "é" * 100} for number in range(20)]
    title = "🙂" * 200
    metadata = {"a": "x" * (4_096 - len('{"a":""}'))}
    chat = alice.creates(title, participants=others, metadata=metadata)
    view = alice.sees(chat)
    assert (view["title"], view["metadata"]) == (title, metadata)
    fields: dict[str, Any] = {
        "mentions": [each["participant_id"] for each in others],
        "metadata": metadata,
    }
    posted = alice.posts(chat, "hello", client_message_id="~" * 128, **fields)
    assert {name: posted[name] for name in fields} == fields
    assert posted["client_message_id"] == "~" * 128
    socket = alice.connects(chat)
    socket.sends("message", id="é" * 128, conversation_id=chat, content="hello", client_message_id="!", **fields)
    assert socket.hears(id="é" * 128)["type"] == "message_ack"


def test_metadata_of_64_levels_in_all_is_accepted_and_kept_as_it_is(people: People) -> None:
    (alice,) = people("alice")
    deep: Any = {"leaf": [1, -0.5, 1e300, True, None, "", "é\u0000\u0007", 2**70]}
    for _ in range(60):
        deep = {"x": deep}
    chat = alice.creates("Deep", metadata=deep)  # the body, 61 objects, and the list
    assert alice.sees(chat)["metadata"] == deep
    assert alice.posts(chat, "deep", metadata=deep)["metadata"] == deep
    assert alice.log(chat)[1]["metadata"] == deep


def test_a_body_and_a_frame_may_be_as_large_as_they_may_be(people: People) -> None:
    (alice,) = people("alice")
    body = b'{"title":"x"' + b" " * (256 * 1024 - 13) + b"}"
    assert len(body) == 256 * 1024
    alice.post("/conversations", raw=body).expect(201)
    frame = '{"type":"ping","id":"large"' + " " * (MAX_COMMAND_BYTES - 28) + "}"
    assert len(frame) == MAX_COMMAND_BYTES
    socket = alice.connects()
    socket.sends_text(frame)
    assert socket.hears(id="large")["type"] == "pong"


def test_a_hundred_conversations_can_be_asked_for_at_once(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    asked = [*(f"conv_{number:022}" for number in range(99)), chat]
    alice.connects()
    assert alice.pings(**dict.fromkeys(asked, 0))["heads"] == {chat: 1}
    number = alice.socket.sends_numbered("hello", subscribe=[{"conversation_id": each} for each in asked])
    answers = [alice.socket.hears(id=number) for _ in range(101)]
    assert [answer["type"] for answer in answers] == ["welcome", *["error"] * 99, "subscribed"]
    assert [answer["conversation_id"] for answer in answers[1:]] == asked


def _size(frame: dict[str, Any]) -> int:
    """How many bytes the frame had on the wire."""
    return len(json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode())
