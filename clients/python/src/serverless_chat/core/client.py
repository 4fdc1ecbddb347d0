"""The client without sockets, clock and threads: inputs are method calls, outputs are taken by `outputs`.

Each input has the wall-clock time in seconds. After each input, the driver carries out the outputs in their order
and calls `advance` after `next_timer` seconds at the latest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from . import frames
from .clock import Clock
from .connection import Connection, State
from .frames import FrameSender, is_newer
from .outbox import Outbox, item_values
from .outputs import Forget, JsonObject, Output, Outputs, Save
from .retries import Random
from .subscription import POSITION_KEY, Subscription
from .view import Message

HISTORY_KEY = "history"
PARTICIPANT_KEY = "participant"
MAX_LISTED = 100
"""How many conversations `hello` and `ping` can name."""


class Client:
    """All state of a client: connection, subscriptions, outbox."""

    def __init__(self, stored: Mapping[str, JsonObject], random: Random) -> None:
        self._stored = dict(stored)
        self._random = random
        self._clock = Clock()
        self._outputs: Outputs = Outputs()
        self._sender = FrameSender(self._outputs)
        self._sender.history_id = self._stored.get(HISTORY_KEY, {}).get("history_id")
        self._participant: JsonObject | None = self._stored.get(PARTICIPANT_KEY)
        self._connection = Connection(self._sender, self._outputs, random)
        self._outbox = Outbox(self._sender, self._outputs, random)
        self._outbox.restore(item_values(self._stored))
        self._subscriptions: dict[str, Subscription] = {}

    # The driver

    def outputs(self) -> Iterator[Output]:
        """Yield the outputs until there are none; inputs in between may add some."""
        while self._outputs:
            yield self._outputs.popleft()

    def next_timer(self, now: float) -> float | None:
        """Return in how many seconds to call `advance`, or None if there is nothing to wait for."""
        time = self._clock.at(now)
        timers = [subscription.next_timer() for subscription in self._subscriptions.values()]
        timers.append(self._connection.next_timer())
        if self._is_open:
            timers.append(self._outbox.next_timer(time))
        due = min((timer for timer in timers if timer is not None), default=None)
        if due is None:
            return None
        return max(0, math.ceil((due - time) * 1_000)) / 1_000  # less would not advance a wall clock in float

    def advance(self, now: float) -> None:
        """Let timers end."""
        time = self._clock.at(now)
        self._connection.advance(time, self._heads())
        self._after_connection_change()
        for subscription in list(self._subscriptions.values()):
            subscription.advance(time)
        self._outbox.advance(time)
        self._finish(time)

    def online(self, now: float) -> None:
        """End all backoffs and repeat unanswered commands: the network is back, or the device woke up."""
        time = self._clock.at(now)
        self._connection.online(time)
        self._outbox.hurry()
        if self._is_open:
            for subscription in self._subscriptions.values():
                subscription.hurry(time)
        self.advance(now)

    def start(self, now: float) -> None:
        """Connect, and stay connected until `stop`."""
        self._connection.start(self._clock.at(now))

    def stop(self, now: float) -> None:
        """Close the connection. The outbox keeps its items."""
        self._clock.at(now)
        self._connection.stop()
        self._after_connection_change()

    def token_received(self, token: str, now: float) -> None:
        """Continue with the result of the token callback."""
        self._connection.token_received(token, self._clock.at(now))

    def token_failed(self, now: float) -> None:
        """Call the token callback again after the backoff."""
        self._connection.token_failed(self._clock.at(now))

    def socket_opened(self, socket: int, now: float) -> None:
        """Send `hello` with the position in each open conversation."""
        time = self._clock.at(now)
        if not self._connection.is_current(socket):
            return
        self._connection.opened(time)
        listed = self._followed()[:MAX_LISTED]
        frame_id = self._sender.next_id()
        entries = [subscription.subscription_entry(frame_id, time) for subscription in listed]
        self._sender.send("hello", id=frame_id, subscribe=entries)

    def socket_closed(self, socket: int, now: float, retry_after: float = 0.0) -> None:
        """Connect again: the socket is closed, or its handshake was refused, with 401 or another status."""
        time = self._clock.at(now)
        if self._connection.is_current(socket):
            self._connection.lost(time, retry_after)
            self._after_connection_change()

    def receive(self, socket: int, frame: JsonObject, now: float) -> None:
        """Apply a frame from the server."""
        time = self._clock.at(now)
        if not self._connection.is_current(socket) or "type" not in frame:
            return
        if not self._accept_history(frame, time):
            return
        self._apply(frame, time, now)
        self._finish(time)

    def batch_posted(self, request_id: str, body: JsonObject | None, now: float) -> None:
        """Apply the answer to `PostBatch`: the body of a 200, an `error` frame, or None without an answer."""
        time = self._clock.at(now)
        if body is None or self._accept_history(body, time):
            self._outbox.batch_posted(request_id, body, time)
            self._finish(time)

    # The user

    def open(self, conversation_id: str, now: float, resume: bool = False) -> None:
        """Follow a conversation from its newest page, or from the position at the last restart."""
        time = self._clock.at(now)
        former = self._subscriptions.get(conversation_id)
        if former is not None and not former.is_ended:
            return
        subscription = Subscription(conversation_id, self._sender, self._outputs, self._random)
        self._subscriptions[conversation_id] = subscription
        position = self._stored.get(POSITION_KEY + conversation_id, {})
        if resume and position and position["history_id"] == self._sender.history_id:
            subscription.resume(position["sequence_id"])
        if self._is_open:
            subscription.start(time)

    def close(self, conversation_id: str) -> None:
        """Stop following a conversation."""
        subscription = self._subscriptions.pop(conversation_id, None)
        if subscription is not None and self._is_open and not subscription.is_ended:
            self._sender.send("unsubscribe", conversation_id=conversation_id)

    def older(self, conversation_id: str, now: float) -> bool:
        """Fetch the events before the marked start; return whether there are any."""
        return self._subscriptions[conversation_id].request_older(self._clock.at(now))

    def send(self, conversation_id: str, client_message_id: str, fields: JsonObject, now: float) -> None:
        """Queue a message. Raises UnicodeEncodeError for lone surrogates, which no frame can carry."""
        frames.size(fields)
        self._outbox.add_message(conversation_id, client_message_id, fields)
        self._finish(self._clock.at(now))

    def update(self, conversation_id: str, kind: str, target: int | str, fields: JsonObject, now: float) -> None:
        """Queue an `edit`, `delete`, `react` or `unreact` of a message.

        Args:
            conversation_id: The conversation of the message.
            kind: The type of the command.
            target: Its sequence id, or its client_message_id while it is pending or failed.
            fields: Further fields of the command.
            now: The wall-clock time in seconds.

        Raises:
            KeyError: There is no pending or failed message with this client_message_id.
            UnicodeEncodeError: A text has lone surrogates.
        """
        frames.size(fields)
        self._outbox.add_update(conversation_id, kind, target, fields)
        self._finish(self._clock.at(now))

    def retry(self, conversation_id: str, client_message_id: str, now: float) -> None:
        """Send a failed message again, and the later ones that it holds."""
        self._outbox.retry(conversation_id, client_message_id)
        self._finish(self._clock.at(now))

    def discard(self, conversation_id: str, client_message_id: str, now: float) -> None:
        """Delete a failed message, and send the later ones."""
        self._outbox.discard(conversation_id, client_message_id)
        self._finish(self._clock.at(now))

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

    # Internals

    @property
    def _is_open(self) -> bool:
        return self._connection.state is State.OPEN

    def _heads(self) -> dict[str, int]:
        listed = self._followed()[:MAX_LISTED]
        return {subscription.conversation_id: subscription.timeline.position for subscription in listed}

    def _followed(self) -> list[Subscription]:
        return [subscription for subscription in self._subscriptions.values() if not subscription.is_ended]

    def _accept_history(self, frame: JsonObject, time: float) -> bool:
        """Adopt a newer history; return whether the frame is of the present one."""
        named = [part["history_id"] for part in (frame, *(frame.get("results") or ())) if part.get("history_id")]
        newest = max(named, key=lambda history_id: int(history_id.partition(".")[0]), default=None)
        if newest is None or newest == self._sender.history_id:
            return True
        if not is_newer(newest, self._sender.history_id):
            return False
        is_first, self._sender.history_id = self._sender.history_id is None, newest
        if not is_first:
            self._begin_history(time)
        self._outputs.append(Save(HISTORY_KEY, {"history_id": newest}))
        return True

    def _begin_history(self, time: float) -> None:
        self._outbox.history_changed()
        self._forget_positions()
        for subscription in self._followed():
            subscription.history_changed()
            subscription.start(time)

    def _forget_positions(self) -> None:
        keys = {key for key in self._stored if key.startswith(POSITION_KEY)}
        keys |= {POSITION_KEY + conversation_id for conversation_id in self._subscriptions}
        for key in sorted(keys):
            self._stored.pop(key, None)
            self._outputs.append(Forget(key))

    def _apply(self, frame: JsonObject, time: float, wall_time: float) -> None:
        match frame["type"]:
            case "welcome":
                self._welcomed(frame, time, wall_time)
            case "auth_ok":
                self._connection.plan_renewal(frame["expires_at"], time, wall_time)
            case "pong":
                self._ponged(frame, time)
            case "disconnect":
                self._connection.disconnected_by_server(frame, time)
                self._after_connection_change()
            case "error" if frame.get("code") == "TOKEN_EXPIRED":
                self._connection.token_expired(time)
                self._failed(frame, time)
            case "error":
                self._failed(frame, time)
            case "message_ack" | "ack" | "batch_result":
                self._outbox.replied(frame, time)
            case _:
                self._apply_to_subscription(frame, time)

    def _apply_to_subscription(self, frame: JsonObject, time: float) -> None:
        subscription = self._subscriptions.get(frame.get("conversation_id", ""))
        if subscription is None or subscription.is_ended:
            return
        match frame["type"]:
            case "events":
                subscription.pushed(frame["events"], time)
            case "subscribed" | "sync":
                subscription.replied(frame, time)
            case "conversation_removed" | "conversation_deleted":
                subscription.end(frame["type"])
            case _:
                pass  # ephemeral, or of a newer protocol

    def _welcomed(self, frame: JsonObject, time: float, wall_time: float) -> None:
        participant = frame["participant"]
        stored = self._participant or participant
        if stored["participant_id"] != participant["participant_id"]:
            self._outbox.purge()
            self._forget_positions()
        if self._participant != participant:
            self._participant = participant
            self._outputs.append(Save(PARTICIPANT_KEY, participant))
        self._sender.frame_bytes = frame.get("limits", {}).get("frame_bytes", self._sender.frame_bytes)
        self._connection.welcomed(frame, time)
        self._connection.plan_renewal(frame["expires_at"], time, wall_time)
        for subscription in self._followed():
            subscription.connected(time)
        for subscription in self._followed()[MAX_LISTED:]:
            subscription.start(time)

    def _ponged(self, frame: JsonObject, time: float) -> None:
        self._connection.ponged(frame)
        for conversation_id, head in (frame.get("heads") or {}).items():
            if conversation_id in self._subscriptions:
                self._subscriptions[conversation_id].note_head(head, time)

    def _failed(self, frame: JsonObject, time: float) -> None:
        subscription = self._subscriptions.get(frame.get("conversation_id", ""))
        if not self._outbox.replied(frame, time) and subscription is not None:
            subscription.failed(frame, time)

    def _after_connection_change(self) -> None:
        if self._connection.state not in {State.GREETING, State.OPEN}:
            self._outbox.disconnected()
            for subscription in self._subscriptions.values():
                subscription.disconnected()

    def _finish(self, time: float) -> None:
        """Compare the outbox with the view, and send the items that may be sent."""
        self._resolve_by_view(time)
        if self._is_open:
            self._outbox.flush(time)

    def _resolve_by_view(self, time: float) -> None:
        participant_id = (self._participant or {}).get("participant_id", "")
        for subscription in self._subscriptions.values():
            events = subscription.take_new_events()
            self._outbox.seen(subscription.conversation_id, events, participant_id, time)
        for conversation_id in self._outbox.conversations():
            followed = self._subscriptions.get(conversation_id)
            self._outbox.shown(conversation_id, followed.timeline.position if followed else None)
