"""The worked session of the guide is what happens."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import People
from tests.e2e.guide import Players, session


def test_the_worked_session_happens_as_it_is_told(people: People) -> None:
    alice, bob = people("alice", "bob")
    players = Players({"alice": alice, "bob": bob})
    players.play(session())
    assert players.heard_else() == {}


@pytest.mark.parametrize("change", [("Hello", "Goodbye"), ('"sequence_id": 2', '"sequence_id": 3')])
def test_a_session_that_does_not_happen_is_noticed(change: tuple[str, str], people: People) -> None:
    alice, bob = people("alice", "bob")
    lines = [(who, what.replace(*change) if "←" in what else what) for who, what in session()]
    assert lines != session()
    players = Players({"alice": alice, "bob": bob})
    with pytest.raises(AssertionError):
        players.play(lines)
    players.heard_else()  # what was said last is handled before the server may go
