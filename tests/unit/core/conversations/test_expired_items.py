"""Lists in pages of which some items have expired, and are not deleted yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.creation import PROVISIONAL_TTL
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.protocol.queries import ConversationsQuery, ServiceConversationsQuery
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal

Pages = Callable[[AppHarness, str | None], dict[str, Any]]


class Engine(MemoryEngine):
    """A store that does not answer a transaction with a head, if it is to."""

    fails = False

    def transact_write_items(self, **arguments: Any) -> Any:
        """Execute a transaction. Raises Unavailable."""
        puts = [operation["Put"]["Item"] for operation in arguments["TransactItems"] if "Put" in operation]
        if self.fails and any(item["sk"]["S"] == "HEAD" for item in puts):
            raise Unavailable
        return super().transact_write_items(**arguments)


def interrupt_a_creation(harness: AppHarness) -> None:
    """Let carol begin to create a conversation with alice, which is never finished."""
    assert isinstance(harness.store, Engine)
    harness.store.fails = True
    with pytest.raises(Unavailable):
        harness.create_conversation("carol", "alice", *(f"guest_{number}" for number in range(60)))
    harness.store.fails = False


def own(harness: AppHarness, cursor: str | None) -> dict[str, Any]:
    query = ConversationsQuery.model_validate({"order": "created", "limit": "1", "cursor": cursor})
    return harness.chat.conversations.views.list(principal("alice"), query)


def of_a_participant(harness: AppHarness, cursor: str | None) -> dict[str, Any]:
    query = ServiceConversationsQuery.model_validate({"participant_id": "alice", "limit": "1", "cursor": cursor})
    return harness.chat.backend.overview.list(query)


def listed(harness: AppHarness, page: Pages) -> list[str]:
    """Return the conversations of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        answer = page(harness, cursor)
        found += [entry["conversation_id"] for entry in answer["conversations"]]
        if (cursor := answer.get("next_cursor")) is None:
            return found


@pytest.mark.parametrize("page", [own, of_a_participant])
@pytest.mark.parametrize("number", [1, 3], ids=["one creation", "several creations"])
def test_conversations_after_interrupted_creations_are_listed(page: Pages, number: int) -> None:
    harness = AppHarness({"CHAT_LIMIT_ADDITION_BURST": "1000"}, engine=Engine)
    created = [harness.create_conversation("alice")]
    for _ in range(number):
        harness.clock.advance(1)
        interrupt_a_creation(harness)
    harness.clock.advance(PROVISIONAL_TTL + 1)
    created += [harness.create_conversation("alice") for _ in range(2)]
    assert listed(harness, page) == sorted(created)
