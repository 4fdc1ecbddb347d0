"""The table of states, and that no connection leaves it."""

from __future__ import annotations

import pytest

from chalicelib.awshttp._state import TRANSITIONS, ConnectionState


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(ConnectionState)


def test_every_open_state_can_be_closed_and_closed_is_final() -> None:
    assert TRANSITIONS[ConnectionState.CLOSED] == frozenset()
    for state in set(ConnectionState) - {ConnectionState.CLOSED}:
        assert ConnectionState.CLOSED in TRANSITIONS[state]


@pytest.mark.parametrize("state", ConnectionState)
def test_request_starts_only_on_an_idle_connection(state: ConnectionState) -> None:
    assert (ConnectionState.SENDING in TRANSITIONS[state]) == (state is ConnectionState.IDLE)


def test_used_connection_becomes_idle_only_after_its_response() -> None:
    before_idle = {state for state in ConnectionState if ConnectionState.IDLE in TRANSITIONS[state]}
    opening = {ConnectionState.CONNECTING, ConnectionState.TLS_HANDSHAKE}
    assert before_idle - opening == {ConnectionState.RECEIVING}


def test_every_state_can_be_reached() -> None:
    reached, frontier = set[ConnectionState](), {ConnectionState.CONNECTING}
    while frontier:
        reached |= frontier
        frontier = {after for state in frontier for after in TRANSITIONS[state]} - reached
    assert reached == set(ConnectionState)
