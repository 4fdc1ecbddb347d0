"""An identity is a value."""

from __future__ import annotations

import pytest

from chalicelib.identity.model import Identity


def test_identity_is_immutable() -> None:
    identity = Identity("alice", None, 1)
    with pytest.raises(AttributeError):
        identity.participant_id = "bob"  # type: ignore[misc]  # what the test is about
