"""The index of conversations by creation: complete, in order, spread over its partitions, and cleaned up."""

from __future__ import annotations

from collections import Counter

from chalicelib.aws.dynamodb.work_keys import CREATION_SHARDS, creation_key, creation_pk
from chalicelib.core.kernel.ids import new_conversation_id
from chalicelib.core.model.actors import Principal
from tests.support.app_harness import AppHarness, principal


def listed(harness: AppHarness, page: int = 3) -> list[str]:
    """Return all ids, read in pages."""
    found: list[str] = []
    while ids := harness.chat.stores.conversations.created_after(found[-1] if found else "", page):
        assert len(ids) <= page
        found += ids
    return found


def test_index_has_every_conversation_once_in_the_order_of_creation() -> None:
    harness = AppHarness({"CHAT_LIMIT_CREATION_BURST": "100"})
    created = []
    for number in range(20):
        created.append(harness.create_conversation("alice", *(f"p{other}" for other in range(number))))
        harness.clock.advance(0.01)
    assert listed(harness) == created


def test_conversations_are_spread_over_all_partitions() -> None:
    """Those of one millisecond, too: the shard depends on the random part of the id."""
    shards = Counter(creation_key(new_conversation_id(1_700_000_000_000))[0] for _ in range(4000))
    assert set(shards) == {creation_pk(shard) for shard in range(CREATION_SHARDS)}
    assert max(shards.values()) < 2 * 4000 / CREATION_SHARDS


def test_purged_conversation_leaves_the_index() -> None:
    harness = AppHarness()
    kept, ended = harness.create_conversation("alice"), harness.create_conversation("bob", "carol")
    harness.chat.conversations.lifecycle.delete(Principal("bob", "bob"), ended)
    assert set(listed(harness)) == {kept, ended}
    harness.clock.advance(1)
    harness.chat.conversations.lifecycle.purge_due(10)
    assert listed(harness) == [kept]
    assert harness.member(kept, principal("alice").participant_id).role == "owner"


def test_conversation_of_several_transactions_is_in_the_index() -> None:
    harness = AppHarness()
    created = harness.create_conversation("alice", *(f"p{other}" for other in range(60)))
    assert listed(harness) == [created]
