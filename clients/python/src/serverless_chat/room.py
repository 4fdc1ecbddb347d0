"""One open conversation."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from .changes import Changes
from .core.message import Message
from .core.outputs import JsonObject, Replaced, SubscriptionEnded
from .waiting import Sent, Waiting

if TYPE_CHECKING:
    from .chat import Chat

Target = Message | int | str
"""A message, its sequence id, or its client_message_id while it is pending or failed."""


class Room:
    """A conversation: its messages without gaps, and what the user does in it.

    `async for messages in room.changes` yields the messages after each change; `room.changes.on(function)` calls a
    function, which may call any method of the client.
    """

    def __init__(self, chat: Chat, conversation_id: str, waiting: Waiting | None = None) -> None:
        """`waiting` is that of the room that this one replaces, whose sends still wait."""
        self.id = conversation_id
        self.changes: Changes[list[Message]] = Changes(lambda: self.messages)
        self.ended: str | None = None
        """Why it ended: `conversation_removed`, `conversation_deleted`, or an error code such as `NOT_FOUND`."""
        self.is_loaded = False
        self._chat = chat
        self.waiting = waiting or Waiting()

    @property
    def messages(self) -> list[Message]:
        """All messages of the view in their order, then those that are pending or failed (see `status`)."""
        return self._chat.link.core.messages(self.id)

    @property
    def participants(self) -> list[JsonObject]:
        """The participants, with `role`, `online`, `read_up_to` and `muted_until`."""
        return self._chat.link.core.participants(self.id)

    @property
    def typists(self) -> list[JsonObject]:
        """The participants who type now."""
        return self._chat.link.core.typists(self.id)

    @property
    def read_up_to(self) -> int:
        """The sequence id of the last event that the user has read."""
        return self._chat.link.core.read_state(self.id)[0]

    @property
    def unread_count(self) -> int:
        """The number of messages of others after `read_up_to`."""
        return self._chat.link.core.read_state(self.id)[1]

    @property
    def position(self) -> int:
        """The sequence id of the last event in the view."""
        return self._chat.link.core.position(self.id)

    async def send(self, content: str, **options: Any) -> Sent:
        """Send a message, and return when it is in the log, once. Takes the options of `queue`.

        Raises:
            RefusedError: The server refuses it. It is shown as failed, and holds the later messages of this
                conversation until `retry` or `discard`.
            DiscardedError: It was deleted before it was in the log.
            ChatClosedError: The chat was closed before; a stored outbox sends it at the next start.
            ValueError: No frame can carry it, because of lone surrogates, NaN, or too many levels in `metadata`.
        """
        client_message_id = options.pop("client_message_id", None) or uuid.uuid4().hex
        future = self.waiting.send(client_message_id)
        try:
            self.queue(content, client_message_id=client_message_id, **options)
            return await future
        finally:
            self.waiting.forget_send(client_message_id, future)

    def queue(
        self,
        content: str,
        *,
        reply_to: int | None = None,
        mentions: Sequence[str] | None = None,
        metadata: JsonObject | None = None,
        client_message_id: str | None = None,
    ) -> str:
        """Queue a message, and return its client_message_id. It is sent now, or when there is a connection.

        Args:
            content: The text.
            reply_to: The sequence id of the message that it answers.
            mentions: The ids of the participants that it mentions.
            metadata: Further data, as JSON.
            client_message_id: An id; the log has one message for it, however often it is sent.
        """
        optional = {"reply_to": reply_to, "mentions": list(mentions) if mentions else None, "metadata": metadata}
        fields = {"content": content, **{name: value for name, value in optional.items() if value is not None}}
        key = client_message_id or uuid.uuid4().hex
        self._chat.link.core.send(self.id, key, fields, self._chat.link.now)
        self._chat.link.pump()
        return key

    def edit(self, target: Target, content: str, **fields: Any) -> None:
        """Change the content of an own message. Further fields are `mentions` and `metadata`."""
        self._update("edit", target, {"content": content, **fields})

    def delete(self, target: Target) -> None:
        """Delete a message. One that was never sent, or that failed, is discarded."""
        self._update("delete", target, {})

    def react(self, target: Target, emoji: str) -> None:
        """Add a reaction."""
        self._update("react", target, {"emoji": emoji})

    def unreact(self, target: Target, emoji: str) -> None:
        """Remove an own reaction."""
        self._update("unreact", target, {"emoji": emoji})

    def retry(self, client_message_id: str) -> None:
        """Send a failed message again, and the later ones that it holds."""
        self._chat.link.core.retry(self.id, client_message_id, self._chat.link.now)
        self._chat.link.pump()

    def discard(self, client_message_id: str) -> None:
        """Delete a failed message, and send the later ones."""
        self._chat.link.core.discard(self.id, client_message_id, self._chat.link.now)
        self._chat.link.pump()

    def read(self, up_to: int | None = None) -> None:
        """Mark all shown messages, or those up to a sequence id, as read. Call it as often as you like."""
        self._chat.link.core.read(self.id, self._chat.link.now, up_to)
        self._chat.link.pump()

    def save_position(self, sequence_id: int) -> None:
        """Store a position, for a room that was opened with `resume=True, saves_position=False`."""
        self._chat.link.core.save_position(self.id, sequence_id)
        self._chat.link.pump()

    def typing(self) -> None:
        """Show that the user types; call it for each keystroke. It ends by itself, and with a message."""
        self._chat.link.core.typing(self.id, self._chat.link.now)
        self._chat.link.pump()

    def stop_typing(self) -> None:
        """Show that the user stopped typing without sending."""
        self._chat.link.core.typing(self.id, self._chat.link.now, is_typing=False)
        self._chat.link.pump()

    async def older(self) -> bool:
        """Fetch up to 50 events before the first one; return whether there were any. Waits for a connection."""
        if not self._chat.link.core.older(self.id, self._chat.link.now):
            return False
        future = self.waiting.older()
        self._chat.link.pump()
        return await future

    def events(self) -> AsyncIterator[JsonObject]:
        """Iterate over the events of the view, then over each event as it comes, until the subscription ends.

        If the view begins anew (after a restore of the server's data, or more than 500 missed events), its events
        follow from its new start; their `sequence_id` shows it.
        """
        return self.waiting.events(self._events)

    def close(self) -> None:
        """Stop following the conversation. Its outbox is still sent."""
        if self._chat.opened(self.id) is self:
            self._chat.close_room(self.id)

    def end(self) -> None:
        """End what waits for it: it is closed."""
        self.waiting.end()
        self.changes.close()

    def notify(self, output: object) -> None:
        """Apply a notification of the core."""
        if isinstance(output, SubscriptionEnded):
            self.ended = output.code
        elif isinstance(output, Replaced):
            self.is_loaded = True
        self.waiting.notify(output)
        self.changes.emit()

    def _events(self) -> list[JsonObject] | None:
        is_open = self._chat.opened(self.id) is self and self.ended is None
        return self._chat.link.core.events(self.id) if is_open else None

    def _update(self, kind: str, target: Target, fields: JsonObject) -> None:
        if isinstance(target, Message):
            target = target.sequence_id or target.client_message_id or ""
        self._chat.link.core.update(self.id, kind, target, fields, self._chat.link.now)
        self._chat.link.pump()
