"""The messages of the open conversation, of which one can be selected."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message as Notice
from textual.widget import MountError
from textual.widgets import ListItem, ListView, Static

from ...core.message import Message
from .text import message_view


class MessageItem(ListItem):
    """One message."""

    def __init__(self, message: Message, quoted: Message | None) -> None:
        self.message = message
        self._body = Static(message_view(message, quoted))
        super().__init__(self._body)

    def show(self, message: Message, quoted: Message | None) -> None:
        """Show its new state."""
        if message != self.message:
            self.message = message
            self._body.update(message_view(message, quoted))


class MessageList(ListView):
    """Shows a view; messages that stay keep their widgets, so the selection and the place stay, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
    ]

    class ReachedTop(Notice):
        """The user wants earlier messages."""

    def __init__(self) -> None:
        super().__init__(id="messages", initial_index=None)
        self._changing = asyncio.Lock()

    @property
    def items(self) -> list[MessageItem]:
        """The messages in their order."""
        return [item for item in self.children if isinstance(item, MessageItem)]

    @property
    def selected(self) -> Message | None:
        """The selected message."""
        return self.highlighted_child.message if isinstance(self.highlighted_child, MessageItem) else None

    @property
    def is_at_end(self) -> bool:
        """Whether the newest message can be seen."""
        return self.scroll_offset.y >= self.max_scroll_y - 1

    async def show(self, messages: Sequence[Message]) -> None:
        """Show these messages in place of the former ones.

        One change follows the other, and each is completed even if the caller is cancelled, as it is when another
        conversation is opened: the removal of widgets cannot be cancelled.
        """
        await asyncio.shield(asyncio.create_task(self._show_next(messages)))

    async def _show_next(self, messages: Sequence[Message]) -> None:
        async with self._changing:
            try:
                await self._show(messages)
            except MountError:
                if self.is_attached:  # else the interface ends
                    raise

    async def _show(self, messages: Sequence[Message]) -> None:
        by_number = {message.sequence_id: message for message in messages if message.sequence_id is not None}
        keys = [_key(message) for message in messages]
        was_at_end, from_end = self.is_at_end, self.virtual_size.height - self.scroll_offset.y
        shown = [_key(item.message) for item in self.items]
        first = keys.index(shown[0]) if shown and shown[0] in keys else 0
        dropped = shown.index(keys[0]) if keys and keys[0] in shown else 0
        same = _same(shown[dropped:], keys[first:])
        selected = None if self.selected is None else _key(self.selected)

        def items(part: Sequence[Message]) -> list[MessageItem]:
            return [MessageItem(message, by_number.get(message.reply_to or 0)) for message in part]

        kept = self.items[dropped : dropped + same]
        for item, message in zip(kept, messages[first : first + same], strict=True):
            item.show(message, by_number.get(message.reply_to or 0))
        await self.remove_items([*range(dropped), *range(dropped + same, len(shown))])
        if first:
            await self.insert(0, items(messages[:first]))
        await self.extend(items(messages[first + same :]))
        if selected in keys:
            self.index = keys.index(selected)
        if was_at_end or not shown:
            self.call_after_refresh(self.scroll_end, animate=False)
        elif first:
            self.call_after_refresh(self._keep_place, from_end)

    def _keep_place(self, from_end: int) -> None:
        self.scroll_to(y=self.virtual_size.height - from_end, animate=False)

    def action_cursor_up(self) -> None:
        """Select the message before; before the first one, ask for earlier ones."""
        if not self.index:
            self.post_message(self.ReachedTop())
        super().action_cursor_up()

    def action_first(self) -> None:
        """Select the first message, and ask for earlier ones."""
        self.index = 0 if self.items else None
        self.post_message(self.ReachedTop())

    def action_last(self) -> None:
        """Select the newest message."""
        self.index = len(self.items) - 1 if self.items else None

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for earlier messages at the top."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value:
            self.post_message(self.ReachedTop())

    def on_focus(self, _: events.Focus) -> None:
        """Select the newest message, if none is."""
        if self.index is None:
            self.action_last()


def _key(message: Message) -> tuple[str, object]:
    """Return what a message keeps while it is sent."""
    sender = str((message.sender or {}).get("participant_id"))
    return sender, message.client_message_id or message.sequence_id


def _same(known: Sequence[object], new: Sequence[object]) -> int:
    """Return how many are the same from the beginning on."""
    pairs = zip(known, new, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(known), len(new)))
