"""Where the user writes."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message as Notice
from textual.widgets import TextArea


class Composer(TextArea):
    """Enter sends, and Ctrl+J begins a new line: a terminal has no other Enter that works everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send"),
        Binding("ctrl+j", "new_line", "New line"),
        Binding("escape", "cancel", "Cancel", show=False),
    ]

    class Submitted(Notice):
        """The user wants to send the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Cancelled(Notice):
        """The user wants to end an edit or an answer."""

    def __init__(self) -> None:
        super().__init__(
            id="composer", compact=True, placeholder="Message — Enter sends, Ctrl+J begins a new line"
        )

    def action_submit(self) -> None:
        """Send the text."""
        if self.text.strip():
            self.post_message(self.Submitted(self.text))

    def action_new_line(self) -> None:
        """Insert a line feed."""
        self.insert("\n")

    def action_cancel(self) -> None:
        """End an edit or an answer."""
        self.post_message(self.Cancelled())

    async def _on_key(self, event: events.Key) -> None:
        # Here, as a binding with priority would overtake the keys before, which wait for this widget.
        actions = {"enter": self.action_submit, "ctrl+j": self.action_new_line}
        if (action := actions.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            action()
        elif event.key != "escape":  # else it would leave the text
            await super()._on_key(event)
