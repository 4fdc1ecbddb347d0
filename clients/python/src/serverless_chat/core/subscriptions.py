"""All subscriptions of a client, and the frames about them."""

from __future__ import annotations

from collections.abc import Iterator

from .connection import MAX_LISTED
from .frames import FrameSender
from .members import unread_after
from .options import POSITION_KEY, Options
from .outputs import Forget, JsonObject, Outputs, Save
from .pace import Pace
from .retries import ANSWER_TIMEOUT, Random
from .subscription import Subscription

SUBSCRIBES = 400
"""How many conversations are subscribed one by one at once: more than 500 frames in a row end the connection."""
SUBSCRIBES_PER_SECOND = 10.0
"""At which rate further ones are: 25 frames a second are permitted, of which others and repeats are some."""


class Subscriptions:
    """By conversation; an ended one stays until it is closed or opened again."""

    def __init__(
        self, stored: dict[str, JsonObject], sender: FrameSender, outputs: Outputs, random: Random
    ) -> None:
        self.typing_expires: float | None = None
        self.participant_id: str | None = None
        self._positions = {key: value for key, value in stored.items() if key.startswith(POSITION_KEY)}
        self._sender, self._outputs, self._random = sender, outputs, random
        self._subscriptions: dict[str, Subscription] = {}
        self._unsubscribe_due = 0.0
        self._pace = Pace(SUBSCRIBES, SUBSCRIBES_PER_SECOND)
        self._later: dict[str, Subscription] = {}
        """Those that are subscribed when their turn comes."""

    def __iter__(self) -> Iterator[Subscription]:
        """Iterate over a copy: handlers may open and close conversations."""
        return iter(list(self._subscriptions.values()))

    def __getitem__(self, conversation_id: str) -> Subscription:
        """Return the subscription of a conversation; one of nothing if it is not open."""
        subscription = self.get(conversation_id)
        return subscription or Subscription(conversation_id, self._sender, self._outputs, self._random, Options())

    def get(self, conversation_id: str) -> Subscription | None:
        """Return the subscription of a conversation, if it is open."""
        return self._subscriptions.get(conversation_id)

    def followed(self) -> list[Subscription]:
        """Return those that have not ended."""
        return [subscription for subscription in self if not subscription.is_ended]

    def open(self, conversation_id: str, options: Options, resume: bool) -> Subscription | None:
        """Return a new subscription, or None if there is one, which then does what either caller wants."""
        former = self.get(conversation_id)
        if former is not None and not former.is_ended:
            former.widen(options)
            return None
        subscription = Subscription(conversation_id, self._sender, self._outputs, self._random, options)
        self._subscriptions[conversation_id] = subscription
        position = self._positions.get(POSITION_KEY + conversation_id, {})
        if resume and position and position["history_id"] == self._sender.history_id:
            subscription.resume(position["sequence_id"])
        self._introduce(subscription)
        return subscription

    def close(self, conversation_id: str) -> bool:
        """Forget a subscription; return whether the server knows it."""
        subscription = self._subscriptions.pop(conversation_id, None)
        self._later.pop(conversation_id, None)
        return subscription is not None and not subscription.is_ended

    def hello_entries(self, frame_id: str, now: float) -> list[JsonObject]:
        """Return the list of `hello`; its answers have this id."""
        listed = self.followed()[:MAX_LISTED]
        return [subscription.subscription_entry(frame_id, now) for subscription in listed]

    def welcomed(self, participant_id: str, typing_expires: float | None, now: float) -> None:
        """Subscribe to those that `hello` did not name: its list is limited, and they may be newer."""
        self.participant_id, self.typing_expires = participant_id, typing_expires
        for subscription in self:
            self._introduce(subscription)
        for subscription in self.followed():
            if not subscription.is_requesting:
                self.start(subscription, now)

    def start(self, subscription: Subscription, now: float) -> None:
        """Subscribe on an open connection, now or at its turn."""
        if self._pace.permits(now):
            subscription.start(now)
        else:
            self._later[subscription.conversation_id] = subscription

    def _introduce(self, subscription: Subscription) -> None:
        subscription.members.participant_id = self.participant_id
        if self.typing_expires:
            subscription.members.typing_expires = self.typing_expires

    def heads(self) -> dict[str, int]:
        """Return the positions, for `ping`."""
        return {subscription.conversation_id: subscription.timeline.position for subscription in self.followed()}

    def disconnected(self) -> None:
        """Await no answers any more."""
        self._later.clear()
        for subscription in self:
            subscription.disconnected()

    def hurry(self, now: float) -> None:
        """Repeat requests without an answer at once."""
        for subscription in self.followed():
            subscription.hurry(now)

    def history_changed(self, now: float, is_connected: bool) -> None:
        """Discard all events and stored positions, and subscribe again."""
        self.forget_positions()
        for subscription in self.followed():
            subscription.history_changed()
            if is_connected:
                self.start(subscription, now)

    def note_saved(self, order: Save) -> None:
        """Remember a stored position, for a conversation that is closed and opened again."""
        if order.key.startswith(POSITION_KEY):
            self._positions[order.key] = order.value

    def forget_positions(self) -> None:
        """Delete all stored positions: they are of another history or participant."""
        keys = set(self._positions) | {POSITION_KEY + conversation_id for conversation_id in self._subscriptions}
        self._positions.clear()
        self._outputs.extend(Forget(key) for key in sorted(keys))

    def next_timer(self) -> float | None:
        """Return when `advance` has something to do."""
        timers = [subscription.next_timer() for subscription in self]
        if self._later:
            timers.append(self._pace.due)
        return min((timer for timer in timers if timer is not None), default=None)

    def advance(self, now: float) -> None:
        """Let timers end."""
        while self._later and self._pace.permits(now):
            first = self._later.pop(next(iter(self._later)))
            if not first.is_ended and not first.is_requesting:
                first.start(now)
        for subscription in self:
            subscription.advance(now)

    def apply(self, frame: JsonObject, now: float) -> None:
        """Apply a frame about one conversation; those of unknown types have no effect."""
        subscription = self.get(frame.get("conversation_id", ""))
        if subscription is None or subscription.is_ended:
            if frame["type"] == "events":
                self._unsubscribe_again(frame["conversation_id"], now)
            return
        match frame["type"]:
            case "events":
                subscription.pushed(frame["events"], now)
            case "subscribed" | "sync":
                subscription.replied(frame, now)
                pointer = subscription.members.read_up_to
                if frame.get("read_up_to", pointer) < pointer:  # the page is older than the mark
                    self.mark_read(subscription.conversation_id, pointer, frame.get("unread_count"))
            case "presence" | "typing":
                subscription.members.pushed(frame, now)
            case "read" if frame["participant_id"] == self.participant_id:
                self.mark_read(subscription.conversation_id, frame["sequence_id"], frame.get("unread_count"))
            case "read":
                subscription.members.pushed(frame, now)
            case "read_ack":
                self.mark_read(subscription.conversation_id, frame["read_up_to"], frame["unread_count"])
            case "conversation_removed" | "conversation_deleted":
                subscription.end(frame["type"])
            case _:
                pass

    def _unsubscribe_again(self, conversation_id: str, now: float) -> None:
        """Unsubscribe from a conversation whose `unsubscribe` is on its way, or lost."""
        if now >= self._unsubscribe_due:
            self._unsubscribe_due = now + ANSWER_TIMEOUT
            self._sender.send("unsubscribe", conversation_id=conversation_id)

    def mark_read(self, conversation_id: str, sequence_id: int, unread_count: int | None = None) -> None:
        """Move the user's pointer, and count the messages after it; the server has, if the view begins later."""
        subscription = self.get(conversation_id)
        if subscription is None or sequence_id < subscription.members.read_up_to:
            return
        timeline = subscription.timeline
        if unread_count is None or sequence_id + 1 >= (timeline.start or 0):
            unread_count = unread_after(timeline.events.values(), sequence_id, self.participant_id)
        subscription.members.mark_read(sequence_id, unread_count)

    def ponged(self, heads: dict[str, int], now: float) -> None:
        """Fetch what the heads of a `pong` show to be missing."""
        for subscription in self.followed():
            if (head := heads.get(subscription.conversation_id)) is not None:
                subscription.note_head(head, now)

    def failed(self, error: JsonObject, now: float) -> None:
        """Apply an error about one conversation."""
        if (subscription := self.get(error.get("conversation_id", ""))) is not None:
            subscription.failed(error, now)
