"""Creating without doubles: the header `Idempotency-Key`."""

from __future__ import annotations

from functools import partial

from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients


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
