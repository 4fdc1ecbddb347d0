"""The client without sockets, clock and threads: inputs are method calls, outputs are taken by `outputs`.

Each input has the wall-clock time in seconds. After each input, the driver carries out the outputs in their order
and calls `advance` after `next_timer` seconds at the latest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from . import frames
from .inputs import Inputs
from .message import Message
from .options import MAX_CATCH_UP, Options, position_save
from .outputs import JsonObject, Output, Save


class Client(Inputs):
    """The commands of the user, and what the user sees."""

    def outputs(self) -> Iterator[Output]:
        """Yield the outputs until there are none; inputs in between may add some."""
        while self._outputs:
            output = self._outputs.popleft()
            if isinstance(output, Save):
                self._subscriptions.note_saved(output)
            yield output

    def open(
        self,
        conversation_id: str,
        now: float,
        *,
        resume: bool = False,
        saves_position: bool | None = None,
        max_catch_up: int | None = MAX_CATCH_UP,
        window: int | None = None,
    ) -> None:
        """Follow a conversation.

        Args:
            conversation_id: Its id. One that is open keeps its place, and its window.
            now: The wall-clock time in seconds.
            resume: Whether to begin after the stored position, if there is one, instead of at the newest page.
            saves_position: Whether the position is stored when its events were notified; by default if `resume`.
            max_catch_up: After more missed events the view begins anew at the newest page; None fetches all.
            window: How many events the view keeps; None keeps all.

        Raises:
            UnicodeEncodeError: The id has lone surrogates, which no frame can carry.
        """
        frames.require_text(conversation_id)
        time = self._clock.at(now)
        options = Options(resume if saves_position is None else saves_position, max_catch_up, window)
        subscription = self._subscriptions.open(conversation_id, options, resume)
        if subscription is not None and self._is_open:
            self._subscriptions.start(subscription, time)

    def close(self, conversation_id: str) -> None:
        """Stop following a conversation."""
        if self._subscriptions.close(conversation_id) and self._is_greeted:
            self._sender.send("unsubscribe", conversation_id=conversation_id)

    def save_position(self, conversation_id: str, sequence_id: int) -> None:
        """Store a position for a restart that resumes there, for a conversation that does not save its own."""
        self._outputs.append(position_save(conversation_id, sequence_id, self._sender.history_id or ""))

    def older(self, conversation_id: str, now: float) -> bool:
        """Fetch the events before the marked start; return whether there are any."""
        return self._subscriptions[conversation_id].request_older(self._clock.at(now))

    def send(self, conversation_id: str, client_message_id: str, fields: JsonObject, now: float) -> None:
        """Queue a message. Raises ValueError for what no frame can carry, such as lone surrogates and NaN."""
        frames.require_text(conversation_id, client_message_id)
        copied = frames.copied(fields)
        self._keystrokes.sent(conversation_id)
        self._outbox.add_message(conversation_id, client_message_id, copied)
        self._finish(self._clock.at(now))

    def update(self, conversation_id: str, kind: str, target: int | str, fields: JsonObject, now: float) -> None:
        """Queue an `edit`, `delete`, `react` or `unreact` of a message.

        Args:
            conversation_id: The conversation of the message.
            kind: The type of the command.
            target: Its sequence id, or its client_message_id if it is pending, failed, or an own one in the view.
            fields: Further fields of the command.
            now: The wall-clock time in seconds.

        Raises:
            KeyError: There is no such message.
            ValueError: No frame can carry it: a text has lone surrogates, or a number is NaN.
        """
        frames.require_text(conversation_id)
        copied = frames.copied(fields)
        self._outbox.add_update(conversation_id, kind, self._place(conversation_id, target), copied)
        self._finish(self._clock.at(now))

    def _place(self, conversation_id: str, target: int | str) -> int | str:
        """Return the sequence id of a message that has left the outbox for the view, else what names it."""
        subscription = self._subscriptions.get(conversation_id)
        if isinstance(target, int) or subscription is None or self._outbox.has(conversation_id, target):
            return target
        me = (self._participant or {}).get("participant_id")
        for message in reversed(subscription.view.messages()):
            is_own = message.sender is not None and message.sender["participant_id"] == me
            if is_own and message.client_message_id == target and message.sequence_id is not None:
                return message.sequence_id
        return target

    def retry(self, conversation_id: str, client_message_id: str, now: float) -> None:
        """Send a failed message again, and the later ones that it holds."""
        self._outbox.retry(conversation_id, client_message_id)
        self._finish(self._clock.at(now))

    def discard(self, conversation_id: str, client_message_id: str, now: float) -> None:
        """Delete a failed message, and send the later ones."""
        self._outbox.discard(conversation_id, client_message_id)
        self._finish(self._clock.at(now))

    def read(self, conversation_id: str, now: float, sequence_id: int | None = None) -> None:
        """Mark the events up to this one, or all that the view has, as read. Marks are coalesced."""
        timeline = self._subscriptions[conversation_id].timeline
        mark = timeline.position if sequence_id is None else min(sequence_id, timeline.position)
        if mark > self._subscriptions[conversation_id].members.read_up_to:
            self._subscriptions.mark_read(conversation_id, mark)
            self._reads.mark(conversation_id, mark, self._clock.at(now))

    def typing(self, conversation_id: str, now: float, is_typing: bool = True) -> None:
        """Show that the user types, for each keystroke, or that the user stopped without sending."""
        time = self._clock.at(now)
        if not self._is_open:
            return
        if is_typing:
            self._keystrokes.pressed(conversation_id, time)
        else:
            self._keystrokes.stopped(conversation_id)

    def want_feed(self, now: float) -> None:
        """Ask for the frames about all conversations, which `Pushed` has, on this connection and later ones."""
        self._feed.want(self._clock.at(now), self._is_open)

    def watch(self, heads: Mapping[str, int]) -> None:
        """Ask for the heads of the conversations in a list by each `ping`: `HeadsReceived` has them."""
        self._rows = dict(heads)

    @property
    def participant(self) -> JsonObject | None:
        """The user, after the first `welcome` or from storage."""
        return self._participant

    @property
    def history_id(self) -> str | None:
        """The history of all sequence ids."""
        return self._sender.history_id

    def messages(self, conversation_id: str) -> list[Message]:
        """Return the messages of the view, then those that are pending or failed."""
        subscription = self._subscriptions.get(conversation_id)
        shown = [] if subscription is None else subscription.view.messages()
        return shown + [item.as_message(self._participant) for item in self._outbox.pending(conversation_id)]

    def events(self, conversation_id: str) -> list[JsonObject]:
        """Return the events of the view: all from its marked start to its position."""
        timeline = self._subscriptions[conversation_id].timeline
        start = timeline.position + 1 if timeline.start is None else timeline.start
        return [timeline.events[number] for number in range(start, timeline.position + 1)]

    def events_after(self, conversation_id: str, sequence_id: int) -> list[JsonObject] | None:
        """Return the events of the view after one, or None if the view begins later."""
        timeline = self._subscriptions[conversation_id].timeline
        if timeline.start is None or sequence_id + 1 < timeline.start:
            return None
        return [timeline.events[number] for number in range(sequence_id + 1, timeline.position + 1)]

    def latest_message(self, conversation_id: str) -> JsonObject | None:
        """Return the newest message of the view in its current state, as a page of messages has it."""
        newest = self._subscriptions[conversation_id].view.newest()
        if newest is None:
            return None
        event, message = newest
        return {**event, "sender": message.sender, "content": message.content, "edited_at": message.edited_at}

    def position(self, conversation_id: str) -> int:
        """Return the sequence id of the last event in the view."""
        return self._subscriptions[conversation_id].timeline.position

    def participants(self, conversation_id: str) -> list[JsonObject]:
        """Return the known participants, with `online`, `read_up_to`, `role`, `muted_until`."""
        return self._subscriptions[conversation_id].members.participants()

    def typists(self, conversation_id: str) -> list[JsonObject]:
        """Return those who type now."""
        return self._subscriptions[conversation_id].members.typists()

    def read_state(self, conversation_id: str) -> tuple[int, int]:
        """Return the user's read pointer, and the number of unread messages after it."""
        members = self._subscriptions[conversation_id].members
        return members.read_up_to, members.unread_count
