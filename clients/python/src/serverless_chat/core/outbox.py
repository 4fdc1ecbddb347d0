"""The outbox: sends each item until it is acknowledged or refused, once and in order for each conversation."""

from __future__ import annotations

from collections.abc import Iterable

from .flights import Flight, Flights
from .frames import FrameSender, is_refusal, names_field
from .items import Item
from .outputs import (
    Forget,
    JsonObject,
    OutboxChanged,
    Outputs,
    Refused,
    Resolved,
)
from .queue import Queue
from .reads import ReadMarks
from .retries import Random

OTHER_HISTORY: JsonObject = {
    "type": "error",
    "code": "POSITION_UNKNOWN",
    "message": "The server's data was restored; the message that this refers to may be another one now.",
    "retryable": False,
}
RENEWED_DELAY = 1.0
"""How many seconds an item waits at most once the token was renewed, unless the server has asked for more."""


class Outbox(Queue):
    """Has at most one command or batch in flight for each conversation."""

    def __init__(self, sender: FrameSender, outputs: Outputs, random: Random, reads: ReadMarks) -> None:
        super().__init__(sender, outputs, random)
        self._reads = reads
        self._flights = Flights(sender, outputs, reads, self._lane)

    def purge(self) -> None:
        """Delete all items: they are of another participant."""
        for lane in self._lanes.values():
            while lane.items:
                self._delete(lane.items[0])
        self._flights.clear()
        self._lanes.clear()

    def retry(self, conversation_id: str, client_message_id: str) -> None:
        """Send a failed message again, and with it the later ones that it holds."""
        lane = self._lane(conversation_id)
        message = lane.message(client_message_id)
        if message is None or message.error is None:
            return
        if message.refers_to_history and message.history_id != self._sender.history_id:
            self._refuse(message, OTHER_HISTORY)
            return
        message.error = None
        lane.not_before = 0.0
        self._save(message)

    def flush(self, now: float) -> None:
        """Send all items that may be sent."""
        while batch := self._flights.next_batch(self._lanes.values(), now):
            for item in batch:
                if not item.is_attempted:
                    item.is_attempted = True
                    self._save(item)
            self._flights.start(batch, now)

    def replied(self, frame: JsonObject, now: float) -> bool:
        """Apply an answer; return whether it belongs to the outbox."""
        flight = self._flights.end(str(frame.get("id")))
        if flight is None:
            return False
        if len(results := frame.get("results") or []) == len(flight.items):
            for item, result in zip(flight.items, results, strict=True):
                self._answered(flight, item, result, now)
        elif len(flight.items) == 1:
            self._answered(flight, flight.items[0], frame, now)
        else:
            self._batch_failed(flight, frame, now)
        return True

    def batch_posted(self, request_id: str, body: JsonObject | None, now: float) -> None:
        """Apply the answer to `PostBatch`: the body of a 200, an `error` frame, or None if there was no answer."""
        if body is None:
            body = {"type": "error"}
        self.replied({"type": "batch_result", **body, "id": request_id}, now)

    def seen(self, conversation_id: str, events: Iterable[JsonObject], participant_id: str, now: float) -> None:
        """Resolve the messages that are among these events of the log: their acknowledgements may be lost."""
        lane = self._lanes.get(conversation_id)
        if lane is None:
            return
        for event in events:
            if event["type"] != "message" or event["sender"]["participant_id"] != participant_id:
                continue
            if (message := lane.message(event.get("client_message_id"))) is not None:
                self._resolve(message, event["sequence_id"])
                if message.error is not None or lane.flight_id is None:
                    lane.not_before = now

    def shown(self, conversation_id: str, position: int | None) -> None:
        """Forget acknowledged messages that are in the view up to this position; None if it is not open."""
        if (lane := self._lanes.get(conversation_id)) is not None:
            lane.acknowledged = [
                item
                for item in lane.acknowledged
                if position is not None and item.sequence_id is not None and item.sequence_id > position
            ]

    def history_changed(self, is_first: bool) -> None:
        """Send the unacknowledged messages again; fail or discard the items that name a sequence id.

        Those that were queued before any history was known are of the first one.
        """
        self.disconnected()
        for lane in self._lanes.values():
            lane.acknowledged.clear()
            lane.not_before = 0.0
            for item in list(lane.items):
                if not item.refers_to_history or item.history_id == self._sender.history_id:
                    continue
                if is_first and item.history_id is None:
                    item.history_id = self._sender.history_id
                    self._save(item)
                elif item.error is None:
                    self._refuse(item, OTHER_HISTORY)

    def disconnected(self) -> None:
        """Await no answers any more: the next connection sends the items again."""
        self._flights.clear()

    def hurry(self) -> None:
        """End all delays, and send the items without an answer again."""
        self.disconnected()
        for lane in self._lanes.values():
            lane.not_before = 0.0
            lane.backoff.reset()

    def renewed(self, now: float) -> None:
        """Shorten all delays: the token is valid again. None ends, as the server may refuse this one, too."""
        for lane in self._lanes.values():
            lane.not_before = min(lane.not_before, max(now + RENEWED_DELAY, lane.retry_at))

    def next_timer(self, now: float) -> float | None:
        """Return when `advance` has something to do."""
        timers = [
            lane.not_before
            for lane in self._lanes.values()
            if lane.flight_id is None and lane.not_before > now and next(lane.sendable(), None) is not None
        ]
        if (deadline := self._flights.next_deadline()) is not None:
            timers.append(deadline)
        return min(timers, default=None)

    def advance(self, now: float) -> None:
        """Give up the flights whose answer is overdue."""
        for flight in self._flights.overdue(now):
            self._delay(flight, now)

    def _delay(self, flight: Flight, now: float, retry_after: float = 0.0) -> None:
        for conversation_id in flight.conversations():
            self._lane(conversation_id).delay(now, retry_after)

    def _batch_failed(self, flight: Flight, frame: JsonObject, now: float) -> None:
        """Wait after a transient error; send the items one by one after a refusal of the batch as a whole."""
        if is_refusal(frame):
            for item in flight.items:
                item.is_alone = True
        else:
            self._delay(flight, now, frame.get("retry_after") or 0.0)

    def _answered(self, flight: Flight, item: Item, frame: JsonObject, now: float) -> None:
        lane = self._lane(item.conversation_id)
        if item not in lane.items:
            return  # it was seen in the log before
        if item.number in flight.seen and names_field(frame, "seen"):
            self._reads.forget(item.conversation_id)  # it can be of data that was restored: once more without
        elif is_refusal(frame):
            self._refuse(item, frame)
        elif "sequence_id" in frame and frame.get("history_id") == self._sender.history_id is not None:
            lane.backoff.reset()
            if (seen := flight.seen.get(item.number)) is not None:
                self._reads.taken_along(item.conversation_id, seen, frame, now)
            self._resolve(item, frame["sequence_id"])
        elif frame.get("code") != "NOT_ATTEMPTED" and lane.not_before <= now:
            lane.delay(now, frame.get("retry_after") or 0.0)

    def _refuse(self, item: Item, error: JsonObject) -> None:
        """Hold a message as failed; discard an update, which never holds anything."""
        if item.is_message:
            item.error = error
            self._save(item)
        else:
            self._delete(item)
        self._outputs.append(Refused(item.conversation_id, item.kind, item.client_message_id, error))

    def _resolve(self, item: Item, sequence_id: int) -> None:
        """Take an item that is in the log out of the outbox; its updates get the sequence id first."""
        lane, history_id = self._lane(item.conversation_id), self._sender.history_id
        for update in lane.updates_of(item.client_message_id):
            update.target, update.target_message, update.history_id = sequence_id, None, history_id
            self._save(update)
        lane.items.remove(item)
        self._outputs.append(Forget(item.key))  # first: a resolved message is never sent into a later history
        if item.is_message and item.client_message_id is not None:
            item.sequence_id, item.error = sequence_id, None
            lane.acknowledged.append(item)
            self._outputs.append(
                Resolved(item.conversation_id, item.client_message_id, sequence_id, history_id or "")
            )
        self._outputs.append(OutboxChanged(item.conversation_id))
