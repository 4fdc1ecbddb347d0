"""The directory of connections with a feed: written with the connection, pruned with it, and bounded."""

from __future__ import annotations

import pytest

from chalicelib.aws.dynamodb.connection_keys import connection_key, feed_key
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.connections import Connection
from chalicelib.core.protocol.requests import SendMessage
from tests.support.app_harness import ENVIRONMENT, TOKEN_LIFETIME, AppHarness, principal


def connect(harness: AppHarness, connection_id: str, participant_id: str = "bob") -> None:
    harness.connect(connection_id, participant_id)
    harness.send_frame(connection_id, type="hello", feed=True)


def listed(harness: AppHarness, *participant_ids: str) -> list[str]:
    found = harness.chat.stores.feeds.connections(participant_ids or ("bob",))
    return sorted(item.connection_id for item in found)


def connection(harness: AppHarness, connection_id: str) -> Connection:
    found = harness.chat.stores.connections.get(connection_id)
    assert found is not None
    return found


def test_hello_without_feed_changes_nothing(harness: AppHarness) -> None:
    harness.connect("b1", "bob")
    assert listed(harness) == []
    connect(harness, "b1")
    (welcome,) = harness.send_frame("b1", type="hello")
    assert "feed" not in welcome
    assert listed(harness) == ["b1"]


def test_connections_of_several_participants_are_found_together(harness: AppHarness) -> None:
    for connection_id, participant_id in (("b1", "bob"), ("b2", "bob"), ("c1", "carol")):
        connect(harness, connection_id, participant_id)
    assert listed(harness, "bob", "carol", "dave") == ["b1", "b2", "c1"]


def test_closed_connection_is_removed(harness: AppHarness) -> None:
    for connection_id in ("b1", "b2"):
        connect(harness, connection_id)
    harness.chat.sessions.connections.close("b1")
    assert listed(harness) == ["b2"]
    harness.chat.sessions.connections.close("b2")
    assert listed(harness) == []
    assert (
        harness.store.get_item(
            TableName=ENVIRONMENT["CHAT_CONNECTIONS_TABLE"],
            Key={name: {"S": value} for name, value in zip(("pk", "sk"), feed_key("bob"), strict=True)},
        ).get("Item")
        is None
    ), "an empty item is deleted"


def test_post_that_finds_no_connection_removes_it(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    connect(harness, "b1")
    harness.poster.stale.add("b1")
    sender = harness.chat.messaging.sender
    pushes = sender.pushes(sender.send(principal("alice"), chat, SendMessage(content="hello")))
    harness.chat.realtime.fan_out.deliver(pushes, within=5)
    assert connection(harness, "b1").is_stale
    assert listed(harness) == []


def test_revived_connection_is_added_again(harness: AppHarness) -> None:
    connect(harness, "b1")
    stale = connection(harness, "b1")
    harness.chat.stores.connections.mark_stale("b1", stale.generation)
    assert listed(harness) == []
    harness.send_frame("b1", type="ping")
    assert listed(harness) == ["b1"]
    assert harness.chat.stores.connections.mark_stale("b1", stale.generation) is None
    assert listed(harness) == ["b1"], "a removal of the old generation has no effect"


@pytest.mark.parametrize("state", ["stale", "later generation", "closed"])
def test_entry_is_written_on_the_condition_of_the_generation(harness: AppHarness, state: str) -> None:
    harness.connect("b1", "bob")
    old = connection(harness, "b1")
    if state == "closed":
        harness.chat.sessions.connections.close("b1")
    else:
        harness.chat.stores.connections.mark_stale("b1", old.generation)
    if state == "later generation":
        harness.send_frame("b1", type="ping")
    assert not harness.chat.stores.feeds.add(old)
    assert listed(harness) == []


def test_interrupted_closing_is_completed_by_a_post(harness: AppHarness) -> None:
    connect(harness, "b1")
    table = harness.chat.stores.connections
    generation = connection(harness, "b1").generation
    _delete_connection_item(harness, "b1")
    assert listed(harness) == ["b1"]
    table.mark_stale("b1", generation, "bob")
    assert listed(harness) == []


def test_entries_are_at_most_the_connections_of_a_participant() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONNECTIONS": "3"})
    for number in range(5):
        harness.clock.advance(1)
        connect(harness, f"b{number}")
    assert listed(harness) == ["b2", "b3", "b4"], "the newest"


def test_expired_entries_are_neither_returned_nor_kept(harness: AppHarness) -> None:
    connect(harness, "b1")
    harness.clock.advance(3600)
    harness.connect("b2", "bob")
    harness.send_frame("b2", type="hello", feed=True)
    harness.clock.advance(2 * 3600)
    assert listed(harness) == ["b2"]
    connect(harness, "b3")
    harness.clock.advance(-2 * 3600)
    assert listed(harness) == ["b2", "b3"], "the next write has removed it"
    harness.clock.advance(5 * 3600)
    assert listed(harness) == []
    connect(harness, "b4")
    assert listed(harness) == ["b4"], "an expired item counts as absent"


def test_new_token_is_recorded(harness: AppHarness) -> None:
    connect(harness, "b1")
    present = connection(harness, "b1")
    until = present.token_expires_at + TOKEN_LIFETIME
    harness.chat.stores.connections.refresh_token(present, until, None, "human")
    (entry,) = harness.chat.stores.feeds.connections(["bob"])
    assert entry.token_expires_at == until


def test_erasure_deletes_the_entries(harness: AppHarness) -> None:
    connect(harness, "b1")
    connect(harness, "a1", "alice")
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal("bob"))
    while erasure.run(job_id, 1.0) is not None:
        harness.clock.advance(100)
    assert listed(harness, "bob", "alice") == ["a1"]


def _delete_connection_item(harness: AppHarness, connection_id: str) -> None:
    table = Table(Dynamo(harness.store, harness.clock), ENVIRONMENT["CHAT_CONNECTIONS_TABLE"])
    table.delete(*connection_key(connection_id))
