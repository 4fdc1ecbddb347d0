"""A creation with an idempotency key happens once in 24 hours, whatever its repeats meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.errors import IdempotencyKeyReused, NotFound
from chalicelib.core.model.creations import CreationKey
from chalicelib.core.protocol.idempotency import fingerprint
from chalicelib.core.protocol.queries import ExportQuery
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant, UpdateParticipant
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal

DAY = 24 * 3600


def create(harness: AppHarness, caller: str, key: str, *others: str, **fields: Any) -> dict[str, Any]:
    participants = [NewParticipant(participant_id=other, name=other) for other in others]
    request = CreateConversation(title="Trip", participants=participants, **fields)
    creation_key = CreationKey(caller, key, fingerprint(request))
    answer: dict[str, Any] = harness.chat.conversations.creation.create(
        principal(caller), request, creation_key
    ).response
    return answer


def conversations_of(harness: AppHarness, participant_id: str) -> list[str]:
    members = harness.chat.stores.memberships.memberships_of(participant_id)
    return [member.conversation_id for member in members]


@pytest.mark.parametrize("count", [1, 31, 60], ids=["one transaction", "the largest transaction", "several"])
def test_repeat_answers_the_same_conversation(count: int) -> None:
    harness = AppHarness({"CHAT_LIMIT_ADDITION_BURST": "100"})
    others = [f"person{number}" for number in range(count)]
    first = create(harness, "alice", "k", *others)
    repeat = create(harness, "alice", "k", *others)
    assert {**repeat, "participants": []} == {**first, "participants": []}
    assert len(repeat["participants"]) == count + 1
    assert conversations_of(harness, "alice") == [first["conversation_id"]]


def test_keys_belong_to_their_callers_and_requests_without_one_create() -> None:
    harness = AppHarness()
    made = {create(harness, caller, key)["conversation_id"] for caller in ("alice", "bob") for key in ("k", "l")}
    made.add(harness.create_conversation("alice"))
    assert len(made) == 5


def test_another_request_with_the_key_is_refused() -> None:
    harness = AppHarness()
    create(harness, "alice", "k", metadata={"a": 1, "b": 2})
    create(harness, "alice", "k", metadata={"b": 2, "a": 1}, join_policy="invite")  # the same in another form
    with pytest.raises(IdempotencyKeyReused):
        create(harness, "alice", "k", metadata={"a": 1, "b": 3})
    assert len(conversations_of(harness, "alice")) == 1


def test_key_is_forgotten_after_a_day() -> None:
    harness = AppHarness()
    first = create(harness, "alice", "k")["conversation_id"]
    harness.clock.advance(DAY - 2)
    assert create(harness, "alice", "k")["conversation_id"] == first
    harness.clock.advance(3)
    assert create(harness, "alice", "k")["conversation_id"] != first


def test_repeat_after_leaving_answers_the_first_id_and_nothing_later() -> None:
    harness = AppHarness()
    first = create(harness, "alice", "k", "bob")
    chat = first["conversation_id"]
    harness.chat.conversations.members.leave(principal("alice"), chat)
    harness.send_message("bob", chat, "in private")
    repeat = create(harness, "alice", "k", "bob")
    assert repeat["conversation_id"] == chat
    assert (repeat["head"], repeat["participant_count"], repeat["title"]) == (1, 2, "Trip")
    assert "private" not in str(repeat)
    with pytest.raises(NotFound):
        harness.chat.conversations.views.view(chat, principal("alice"))


def test_repeat_lists_pending_participants_and_is_not_charged() -> None:
    harness = AppHarness({"CHAT_ADDING": "consent", "CHAT_LIMIT_CREATION_BURST": "1"})
    first = create(harness, "alice", "k", "bob")
    assert create(harness, "alice", "k", "bob")["pending"] == first["pending"]


def test_repeat_by_a_former_owner_lists_no_pending_participants() -> None:
    harness = AppHarness({"CHAT_ADDING": "consent"})
    chat = create(harness, "alice", "k", "bob", "carol")["conversation_id"]
    services = harness.chat.conversations
    services.members.join(principal("bob"), chat)
    services.moderation.update(principal("alice"), chat, "bob", UpdateParticipant(role="owner"))
    services.moderation.update(principal("bob"), chat, "alice", UpdateParticipant(role="member"))
    assert "pending" not in create(harness, "alice", "k", "bob", "carol")


def test_refused_creation_keeps_no_key() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONVERSATIONS": "1"})
    chat = harness.create_conversation("alice")
    with pytest.raises(Exception, match="maximum number"):
        create(harness, "alice", "k")
    harness.chat.conversations.members.leave(principal("alice"), chat)
    harness.clock.advance(601)
    create(harness, "alice", "k")


def test_record_is_exported_and_erased_without_the_key() -> None:
    harness = AppHarness()
    chat = create(harness, "alice", "the-key")["conversation_id"]
    page = harness.chat.privacy.export.page(principal("alice"), ExportQuery())
    assert [record["conversation_id"] for record in page["creations"]] == [chat]
    assert "the-key" not in str(page)
    job_id, _ = harness.chat.privacy.erasure.request(principal("alice"))
    harness.chat.privacy.erasure.run(job_id, 5)
    harness.clock.advance(70)
    assert harness.chat.privacy.erasure.run(job_id, 5) is None
    assert not harness.chat.stores.conversations.creations("alice")


class Engine(MemoryEngine):
    """A store that runs an action once, before the next query of pending memberships."""

    before_pending: Callable[[], object] | None = None

    def query(self, **arguments: Any) -> Any:
        """Run the action, and query."""
        low = arguments["ExpressionAttributeValues"].get(":low", {"S": ""})["S"]
        if low.startswith("N#") and self.before_pending is not None:
            action, self.before_pending = self.before_pending, None
            action()
        return super().query(**arguments)


def test_owner_who_is_removed_during_a_repeat_sees_no_later_addition() -> None:
    harness = AppHarness({"CHAT_ADDING": "consent"}, engine=Engine)
    assert isinstance(harness.store, Engine)
    chat = create(harness, "alice", "k", join_policy="open")["conversation_id"]
    harness.chat.conversations.members.join(principal("carol"), chat)
    moderation = harness.chat.conversations.moderation
    moderation.update(principal("alice"), chat, "carol", UpdateParticipant(role="owner"))

    def remove_alice() -> None:
        harness.chat.conversations.members.remove(principal("carol"), chat, "alice")
        harness.add("carol", chat, "dan")

    harness.store.before_pending = remove_alice
    assert "dan" not in str(create(harness, "alice", "k", join_policy="open"))
