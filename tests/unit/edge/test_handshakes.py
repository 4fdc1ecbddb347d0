"""Connections above the limit, which a handshake closes."""

from __future__ import annotations

from typing import Any

from chalicelib.awshttp import NoResponse
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.edge import websocket
from chalicelib.identity.model import Identity
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness


class NoDeletions(MemoryEngine):
    """An engine that does not answer deletions."""

    def delete_item(self, **request: Any) -> Any:
        raise NoResponse


def test_error_with_a_connection_above_the_limit_does_not_fail_the_handshake_of_another() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONNECTIONS": "1"}, engine=NoDeletions)
    identity = Identity("alice", None, int(harness.clock.now()) + 3600)
    harness.chat.sessions.connections.open("a=", identity)
    harness.clock.advance(0.01)
    surplus = harness.chat.sessions.connections.open("b=", identity)
    assert surplus == ["a="]
    harness.poster.stale.add("a=")
    websocket.close_surplus(harness.chat, "alice", surplus)
    assert harness.chat.stores.connections.opened("alice", milliseconds(harness.clock))[0] == ["b="]
