"""What the rest of the application learns about a person."""

from __future__ import annotations

import dataclasses

import pytest

from chalicelib.identity.model import Identity


def test_the_name_is_shown_where_there_is_one() -> None:
    assert Identity("auth0|5f", "Alice", 1).display_name == "Alice"


def test_without_a_name_the_participant_id_is_shown_cut_to_100_characters() -> None:
    assert Identity("auth0|5f", None, 1).display_name == "auth0|5f"
    assert Identity("x" * 255, None, 1).display_name == "x" * 100


def test_an_identity_cannot_be_changed() -> None:
    identity = Identity("alice", None, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        identity.participant_id = "bob"  # type: ignore[misc]  # what the test is about
