"""The inputs of a client from the network and the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .clock import Clock
from .connection import Connection, State
from .feed import Feed
from .frames import ABOUT_LIST, FrameSender, is_newer
from .keystrokes import Keystrokes
from .outbox import Outbox
from .outputs import Credential, HeadsReceived, JsonObject, Outputs, Pushed, Save
from .queue import item_values
from .reads import ReadMarks
from .retries import Random
from .subscriptions import Subscriptions

HISTORY_KEY = "history"
PARTICIPANT_KEY = "participant"
CONNECTED = {State.GREETING, State.OPEN}


class Inputs:
    """All state of a client, and the inputs of its driver."""

    def __init__(self, stored: Mapping[str, JsonObject], random: Random) -> None:
        values = dict(stored)
        self._clock = Clock()
        self._outputs: Outputs = Outputs()
        self._sender = FrameSender(self._outputs)
        self._sender.history_id = values.get(HISTORY_KEY, {}).get("history_id")
        self._participant: JsonObject | None = values.get(PARTICIPANT_KEY)
        self._connection = Connection(self._sender, self._outputs, random)
        self._reads = ReadMarks(self._sender, random, self._read_pointer)
        self._keystrokes = Keystrokes(self._sender)
        self._feed = Feed(self._sender, random)
        self._outbox = Outbox(self._sender, self._outputs, random, self._reads)
        self._outbox.restore(item_values(values))
        self._subscriptions = Subscriptions(values, self._sender, self._outputs, random)
        self._subscriptions.participant_id = (self._participant or {}).get("participant_id")
        self._rows: dict[str, int] = {}

    def next_timer(self, now: float) -> float | None:
        """Return in how many seconds to call `advance`, or None if there is nothing to wait for."""
        time = self._clock.at(now)
        timers = [self._subscriptions.next_timer(), self._connection.next_timer()]
        if self._is_open:
            timers += [self._outbox.next_timer(time), self._reads.next_timer(), self._keystrokes.next_timer()]
            timers.append(self._feed.due)
        due = min((timer for timer in timers if timer is not None), default=None)
        if due is None:
            return None
        return max(0, math.ceil((due - time) * 1_000)) / 1_000  # less would not advance a wall clock in float

    def advance(self, now: float) -> None:
        """Let timers end."""
        time = self._clock.at(now)
        self._connection.advance(time, self._rows | self._subscriptions.heads())
        self._after_connection_change()
        self._subscriptions.advance(time)
        self._outbox.advance(time)
        if self._is_open:
            self._feed.advance(time)
        self._finish(time)

    def online(self, now: float) -> None:
        """End all backoffs and repeat unanswered commands: the network is back, or the device woke up."""
        time = self._clock.at(now)
        self._connection.online(time)
        self._outbox.hurry()
        if self._is_open:
            self._subscriptions.hurry(time)
            self._reads.connected(time)
        self.advance(now)

    def start(self, now: float) -> None:
        """Connect, and stay connected until `stop`."""
        self._connection.start(self._clock.at(now))

    def stop(self, now: float) -> None:
        """Close the connection. The outbox keeps its items."""
        self._clock.at(now)
        self._connection.stop()
        self._after_connection_change()

    def token_received(self, token: Credential, now: float) -> None:
        """Continue with the result of the token callback."""
        self._connection.token_received(token, self._clock.at(now))
        self._after_connection_change()

    def token_failed(self, now: float) -> None:
        """Call the token callback again after the backoff."""
        self._connection.token_failed(self._clock.at(now))

    def socket_opened(self, socket: int, now: float) -> None:
        """Send `hello` with the position in each open conversation."""
        time = self._clock.at(now)
        if not self._connection.is_current(socket):
            return
        frame_id = self._sender.next_id()
        self._connection.opened(frame_id, time)
        entries = self._subscriptions.hello_entries(frame_id, time)
        self._sender.send("hello", id=frame_id, subscribe=entries, **self._feed.hello_fields())

    def socket_refused(self, socket: int, now: float) -> None:
        """Wait for the reason, which a request over HTTP returns; `socket_closed` follows with it."""
        time = self._clock.at(now)
        if self._connection.is_current(socket):
            self._connection.refused(time)

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

    @property
    def _is_open(self) -> bool:
        return self._connection.state is State.OPEN

    @property
    def _is_greeted(self) -> bool:
        return self._connection.state in CONNECTED

    def _read_pointer(self, conversation_id: str) -> int | None:
        subscription = self._subscriptions.get(conversation_id)
        return None if subscription is None else subscription.members.read_up_to

    def _accept_history(self, frame: JsonObject, time: float) -> bool:
        """Adopt a newer history; return whether the frame is of the present one."""
        if "results" not in frame and frame.get("history_id") == self._sender.history_id:
            return True  # most frames
        named = [part["history_id"] for part in (frame, *(frame.get("results") or ())) if part.get("history_id")]
        newest = max(named, key=lambda history_id: int(history_id.partition(".")[0]), default=None)
        if newest is None or newest == self._sender.history_id:
            return True
        if not is_newer(newest, self._sender.history_id):
            return False
        is_first, self._sender.history_id = self._sender.history_id is None, newest
        self._outbox.history_changed(is_first)
        if not is_first:
            self._begin_history(time)
        self._outputs.append(Save(HISTORY_KEY, {"history_id": newest}))
        return True

    def _begin_history(self, time: float) -> None:
        self._reads.clear()
        self._subscriptions.history_changed(time, is_connected=self._is_greeted)

    def _apply(self, frame: JsonObject, time: float, wall_time: float) -> None:
        match frame["type"]:
            case "welcome":
                self._feed.welcomed(frame, time)
                if not self._is_open:  # else it answers a further `hello`
                    self._welcomed(frame, time, wall_time)
            case "auth_ok":
                self._connection.plan_renewal(frame["expires_at"], time, wall_time)
                self._outbox.renewed(time)
            case "pong":
                missing = self._connection.ponged(frame)
                self._outputs.append(HeadsReceived(frame.get("heads") or {}, frozenset(missing)))
                self._subscriptions.ponged(frame.get("heads") or {}, time)
            case "disconnect":
                self._connection.disconnected_by_server(frame, time)
                self._after_connection_change()
            case "error":
                self._failed(frame, time)
            case "message_ack" | "ack" | "batch_result":
                self._outbox.replied(frame, time)
            case _:
                self._reads.replied(frame, time)
                self._subscriptions.apply(frame, time)
        if frame["type"] in ABOUT_LIST:
            self._outputs.append(Pushed(frame))

    def _welcomed(self, frame: JsonObject, time: float, wall_time: float) -> None:
        participant = frame["participant"]
        stored = self._participant or participant
        if stored["participant_id"] != participant["participant_id"]:
            self._outbox.purge()
            self._reads.clear()
            self._subscriptions.forget_positions()
        if self._participant != participant:
            self._participant = participant
            self._outputs.append(Save(PARTICIPANT_KEY, participant))
        self._sender.frame_bytes = frame.get("limits", {}).get("frame_bytes", self._sender.frame_bytes)
        self._keystrokes.expires = float(frame.get("typing_expires") or self._keystrokes.expires)
        self._connection.welcomed(frame, time)
        self._connection.plan_renewal(frame["expires_at"], time, wall_time)
        self._subscriptions.welcomed(participant["participant_id"], self._keystrokes.expires, time)
        self._reads.connected(time)

    def _failed(self, frame: JsonObject, time: float) -> None:
        if frame.get("code") == "TOKEN_EXPIRED":
            self._connection.token_expired(time)
        if self._connection.failed(frame, time):
            self._after_connection_change()
            return
        is_answer = self._outbox.replied(frame, time) or self._reads.replied(frame, time)
        if not is_answer and not self._feed.failed(frame, time):
            self._subscriptions.failed(frame, time)

    def _after_connection_change(self) -> None:
        if not self._is_greeted:
            self._outbox.disconnected()
            self._subscriptions.disconnected()
            self._keystrokes.clear()
            self._feed.disconnected()

    def _finish(self, time: float) -> None:
        """Compare the outbox with the view, and send the items and marks that are due."""
        self._resolve_by_view(time)
        if self._is_open:
            self._outbox.flush(time)
            self._reads.flush(time)
            self._keystrokes.advance(time)

    def _resolve_by_view(self, time: float) -> None:
        participant_id = (self._participant or {}).get("participant_id", "")
        for subscription in self._subscriptions:
            events = subscription.take_new_events()
            self._outbox.seen(subscription.conversation_id, events, participant_id, time)
        for conversation_id in self._outbox.conversations():
            followed = self._subscriptions.get(conversation_id)
            self._outbox.shown(conversation_id, followed.timeline.position if followed else None)
