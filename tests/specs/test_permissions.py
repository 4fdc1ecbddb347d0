"""The table of permissions in the documentation is made from the rules."""

from __future__ import annotations

from specs.documents import ROOT
from specs.permissions import table


def test_protocol_document_has_the_table_of_the_rules() -> None:
    protocol = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert table() in protocol, "replace the table under 'Who may what' by that of python -m specs.permissions"
