"""A handshake that fails after the connection was written."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.connection_keys import REVOKED
from chalicelib.awshttp import NoResponse
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.identity.model import Identity
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness


class UnreadableRevocations(MemoryEngine):
    """An engine that does not answer reads of revocations."""

    def get_item(self, **request: Any) -> Any:
        if request["Key"]["sk"] == {"S": REVOKED}:
            raise NoResponse
        return super().get_item(**request)


def test_handshake_that_fails_leaves_no_connection() -> None:
    harness = AppHarness(engine=UnreadableRevocations)
    with pytest.raises(Unavailable):
        harness.chat.sessions.connections.open("a=", Identity("alice", None, int(harness.clock.now()) + 3600))
    assert harness.chat.stores.connections.get("a=") is None
    assert harness.chat.stores.connections.opened("alice")[0] == [], "it would count for the limit on connections"
