"""The user's own typing: sent when it begins, again while it continues, and when it stops."""

from __future__ import annotations

from dataclasses import dataclass

from .frames import FrameSender
from .members import DEFAULT_TYPING_EXPIRES


@dataclass(slots=True)
class _Typing:
    sent: float
    last: float


class Keystrokes:
    """Turns keystrokes into few `typing` frames. They are never repeated after a lost connection."""

    def __init__(self, sender: FrameSender) -> None:
        self.expires = DEFAULT_TYPING_EXPIRES
        self._sender = sender
        self._typing: dict[str, _Typing] = {}

    def pressed(self, conversation_id: str, now: float) -> None:
        """Show that the user types; call it for each keystroke."""
        typing = self._typing.setdefault(conversation_id, _Typing(-self.expires, now))
        typing.last = now
        if now - typing.sent >= self.expires / 2:
            typing.sent = now
            self._sender.send("typing", conversation_id=conversation_id, is_typing=True)

    def stopped(self, conversation_id: str) -> None:
        """Show that the user stopped without sending."""
        if self._typing.pop(conversation_id, None) is not None:
            self._sender.send("typing", conversation_id=conversation_id, is_typing=False)

    def sent(self, conversation_id: str) -> None:
        """Note that a message was sent: its event ends the typing at the receivers."""
        self._typing.pop(conversation_id, None)

    def clear(self) -> None:
        """Forget all: the connection ended, and with it the typing."""
        self._typing.clear()

    def next_timer(self) -> float | None:
        """Return when typing without keystrokes ends."""
        return min((typing.last + self.expires for typing in self._typing.values()), default=None)

    def advance(self, now: float) -> None:
        """End typing without keystrokes."""
        for conversation_id, typing in list(self._typing.items()):
            if now >= typing.last + self.expires:
                self.stopped(conversation_id)
