"""The list of conversations."""

from __future__ import annotations

from textual.widgets import Label, ListItem

from ...core.row import Row
from .text import row_text


class RowItem(ListItem):
    """One conversation."""

    def __init__(self, row: Row) -> None:
        self.row = row
        super().__init__(Label(row_text(row)))
