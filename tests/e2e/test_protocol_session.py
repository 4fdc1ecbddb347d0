"""The worked session of docs/protocol.md matches the real answers."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MakeClients
from tests.e2e.protocol_session import SessionReplay, load_session


def test_documented_session_can_be_replayed(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    players = SessionReplay({"alice": alice, "bob": bob})
    players.replay(load_session())
    assert players.unexpected_frames() == {}


@pytest.mark.parametrize("change", [("Hello", "Goodbye"), ('"sequence_id": 2', '"sequence_id": 3')])
def test_wrong_session_is_detected(change: tuple[str, str], clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    lines = [(who, what.replace(*change) if "←" in what else what) for who, what in load_session()]
    assert lines != load_session()
    players = SessionReplay({"alice": alice, "bob": bob})
    with pytest.raises(AssertionError):
        players.replay(lines)
    players.unexpected_frames()  # waits until the last command is handled, before the server may stop
