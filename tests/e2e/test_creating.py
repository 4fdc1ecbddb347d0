"""Creating without doubles: the header `Idempotency-Key`, and direct conversations."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient


def test_repeated_creation_answers_one_conversation(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    create = partial(alice.post, "/conversations", {"title": "Trip"}, headers={"Idempotency-Key": '"k-1"'})
    answers = [answer.expect(201) for answer in run_concurrently(create, create, create)]
    answers.append(alice.post("/conversations", {"title": "Trip"}, headers={"idempotency-key": "k-1"}).expect(201))
    assert len({answer["conversation_id"] for answer in answers}) == 1
    other = alice.post("/conversations", {"title": "Other"}, headers={"Idempotency-Key": "k-1"})
    assert other.expect(422)["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    malformed = alice.post("/conversations", {"title": "Trip"}, headers={"Idempotency-Key": '"k'})
    assert malformed.expect(400)["error"]["code"] == "VALIDATION_FAILED"
    assert len(alice.get("/conversations").expect(200)["conversations"]) == 1


def test_direct_conversation_is_opened_hidden_and_blocked(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    both = run_concurrently(partial(_open, alice, bob), partial(_open, bob, alice))
    chat = both[0]["conversation_id"]
    assert both[1]["conversation_id"] == chat
    for client in (alice, bob):
        client.connect()
        client.subscribe(chat)
    bob.post_message(chat, "hello")
    alice.expect_message("hello")
    alice.post(f"/conversations/{chat}/leave").expect(200)
    assert alice.list_conversations() == []
    bob.post_message(chat, "are you there?")
    alice.expect_message("are you there?")
    (listed,) = alice.list_conversations()
    assert (listed["conversation_id"], listed["direct"]) == (chat, True)

    alice.put(f"/me/blocks?participant_id={bob.id}").expect(204)
    bob.expect_frame(type="presence", online=False)
    bob.post_message(chat, "hm")
    assert alice.list_conversations() == []
    assert alice.put(f"/direct?participant_id={bob.id}").expect(409)["error"]["code"] == "BLOCKED"
    assert alice.put(f"/direct?participant_id={alice.id}").expect(400)["error"]["code"] == "VALIDATION_FAILED"
    alice.put(f"/me/blocks?participant_id={carol.id}").expect(204)
    pending = carol.put(f"/direct?participant_id={alice.id}", {"name": "Alice"}).expect(201)
    assert [(entry["name"], entry["membership"]) for entry in pending["pending"]] == [("Alice", "pending")]
    carol.post_message(pending["conversation_id"], "please")
    more = carol.post(f"/conversations/{pending['conversation_id']}/messages", {"content": "!"})
    assert more.expect(403)["error"]["code"] == "NOT_ACCEPTED"


def _open(client: TestClient, other: TestClient) -> Any:
    answer = client.put(f"/direct?participant_id={other.id}")
    return answer.expect(answer.status)
