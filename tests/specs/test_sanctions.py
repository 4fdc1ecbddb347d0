"""The table of sanctions in the documentation is made from that of the tests, and agrees with the permissions."""

from __future__ import annotations

import pytest

from chalicelib.core.conversations.permissions import RULES, Action
from specs.documents import ROOT
from specs.sanctions import SANCTIONS, Effect, Sanction, Way, table


def test_protocol_document_has_the_table_of_sanctions() -> None:
    protocol = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert table() in protocol, "replace the table under 'Sanctions' by that of python -m specs.sanctions"


@pytest.mark.parametrize(
    ("way", "action"),
    [
        (Way.EDIT, Action.EDIT_MESSAGE),
        (Way.REACT, Action.REACT),
        (Way.TYPING, Action.SHOW_TYPING),
        (Way.METADATA, Action.UPDATE_CONVERSATION),
    ],
)
def test_mute_agrees_with_the_permissions(way: Way, action: Action) -> None:
    assert (SANCTIONS[Sanction.MUTE, way] is Effect.MUTED) == RULES[action].unless_muted
