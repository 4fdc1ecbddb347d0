"""The table of the causes in the documentation is made from those of the product."""

from __future__ import annotations

from specs.consent import table
from specs.documents import ROOT


def test_protocol_document_has_the_table_of_the_causes() -> None:
    protocol = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert table() in protocol, "replace the table under 'Consent' by that of python -m specs.consent"
