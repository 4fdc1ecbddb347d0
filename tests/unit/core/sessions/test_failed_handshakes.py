"""Handshakes that fail after the connection was written, or leave connections open that they are to close."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.connection_keys import OPENED_PREFIX, REVOKED
from chalicelib.awshttp import NoResponse
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.connections import Connection
from chalicelib.core.sessions.connections import CLOSING_SECONDS
from chalicelib.identity.model import Identity
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness


class UnreadableRevocations(MemoryEngine):
    """An engine that does not answer reads of revocations."""

    def get_item(self, **request: Any) -> Any:
        if request["Key"]["sk"] == {"S": REVOKED}:
            raise NoResponse
        return super().get_item(**request)


class UnmarkedConnection(MemoryEngine):
    """An engine that does not answer the mark of one connection as being closed, while it is down."""

    down = ""

    def update_item(self, **request: Any) -> Any:
        if self.down and request["Key"]["sk"] == {"S": f"{OPENED_PREFIX}{self.down}"}:
            raise NoResponse
        return super().update_item(**request)


def opened(harness: AppHarness) -> list[str]:
    """Return alice's connections that are not being closed."""
    return harness.chat.stores.connections.opened("alice", milliseconds(harness.clock))[0]


def shake_hands(harness: AppHarness, connection_id: str) -> None:
    """Open a connection of alice, and close those above the limit, as the handler does."""
    harness.clock.advance(0.01)
    identity = Identity("alice", None, int(harness.clock.now()) + 3600)
    surplus = harness.chat.sessions.connections.open(connection_id, identity)
    harness.chat.realtime.fan_out.close_surplus("alice", surplus, harness.chat.settings.limits.connections)


def limited(limit: int, engine: type[MemoryEngine] = MemoryEngine) -> AppHarness:
    """Return an application in which alice has six connections, and that was then limited."""
    harness = AppHarness({"CHAT_LIMIT_CONNECTIONS": str(limit)}, engine=engine)
    for number in range(6):
        at = milliseconds(harness.clock) + number
        connection = Connection(f"{number}=", "alice", None, at + 3600, connected_at=at, last_seen=at)
        harness.chat.stores.connections.open(connection)
    harness.clock.advance(1)
    return harness


def test_handshake_that_fails_leaves_no_connection() -> None:
    harness = AppHarness(engine=UnreadableRevocations)
    with pytest.raises(Unavailable):
        harness.chat.sessions.connections.open("a=", Identity("alice", None, int(harness.clock.now()) + 3600))
    assert harness.chat.stores.connections.get("a=") is None
    assert opened(harness) == [], "it would count for the limit on connections"


def test_connection_that_a_failed_handshake_was_to_close_is_closed_by_a_later_one() -> None:
    """The store fails between the marks of two connections, so that neither is closed."""
    harness = limited(4, UnmarkedConnection)
    assert isinstance(harness.store, UnmarkedConnection)
    harness.store.down = "1="
    with pytest.raises(Unavailable):
        shake_hands(harness, "a=")
    assert harness.poster.closed == []
    assert opened(harness) == ["1=", "2=", "3=", "4=", "5="], "0= is being closed, and a= was not opened"
    harness.store.down = ""
    harness.clock.advance(CLOSING_SECONDS + 1)
    shake_hands(harness, "b=")
    assert harness.poster.closed == ["0=", "1=", "2="]
    assert opened(harness) == ["3=", "4=", "5=", "b="]


def test_connection_is_closed_again_only_after_a_while() -> None:
    harness = limited(5)
    shake_hands(harness, "a=")
    assert harness.poster.closed == ["0=", "1="]
    harness.clock.advance(CLOSING_SECONDS - 1)
    shake_hands(harness, "b=")
    assert harness.poster.closed == ["0=", "1=", "2="], "a handshake may still be closing the first two"


def test_remains_of_a_connection_whose_deletion_was_interrupted_do_not_count_for_long() -> None:
    harness = limited(6)
    harness.chat.stores.connections.discard(Connection("0=", "", None, 0, connected_at=0, last_seen=0))
    assert opened(harness)[0] == "0=", "the reference is left"
    harness.poster.stale.add("0=")
    shake_hands(harness, "a=")
    harness.clock.advance(CLOSING_SECONDS + 1)
    assert opened(harness) == ["1=", "2=", "3=", "4=", "5=", "a="]
