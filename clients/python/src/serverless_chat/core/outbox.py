"""The outbox: sends each item until it is acknowledged or refused, once and in order for each conversation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .frames import FrameSender, is_refusal, size
from .items import ITEM_KEY, Item
from .lane import Lane
from .outputs import (
    Forget,
    JsonObject,
    OutboxChanged,
    Outputs,
    PostBatch,
    Refused,
    Resolved,
    Save,
)
from .retries import ANSWER_TIMEOUT, Random

MAX_BATCH = 24
ENVELOPE_BYTES = 100
"""Bytes of a batch besides its commands, with a reserve."""
OTHER_HISTORY: JsonObject = {
    "type": "error",
    "code": "POSITION_UNKNOWN",
    "message": "The server's data was restored; the message that this refers to may be another one now.",
    "retryable": False,
}


@dataclass(slots=True)
class _Flight:
    items: list[Item]
    deadline: float


class Outbox:
    """Has at most one command or batch in flight for each conversation."""

    def __init__(self, sender: FrameSender, outputs: Outputs, random: Random) -> None:
        self._sender, self._outputs, self._random = sender, outputs, random
        self._lanes: dict[str, Lane] = {}
        self._flights: dict[str, _Flight] = {}
        self._last_number = 0

    def restore(self, values: Iterable[JsonObject]) -> None:
        """Take over stored items, in any order."""
        for item in sorted(map(Item.restored, values), key=lambda item: item.number):
            self._lane(item.conversation_id).items.append(item)
            self._last_number = item.number

    def purge(self) -> None:
        """Delete all items: they are of another participant."""
        for lane in self._lanes.values():
            for item in lane.items:
                self._outputs.append(Forget(item.key))
        self._lanes.clear()
        self._flights.clear()

    def conversations(self) -> list[str]:
        """Return the conversations that have, or had, items."""
        return list(self._lanes)

    def pending(self, conversation_id: str) -> list[Item]:
        """Return the messages that are not in the view, in their order, the acknowledged ones first."""
        lane = self._lanes.get(conversation_id)
        return [] if lane is None else [*lane.acknowledged, *(item for item in lane.items if item.is_message)]

    def add_message(self, conversation_id: str, client_message_id: str, fields: JsonObject) -> None:
        """Queue a message."""
        item = self._new_item(conversation_id, "message", fields)
        item.client_message_id = client_message_id
        self._queue(item)

    def add_update(self, conversation_id: str, kind: str, target: int | str, fields: JsonObject) -> None:
        """Queue an update of a message, which is named by its sequence id or its client_message_id.

        An edit or a deletion of a message without an attempt is folded in. Raises KeyError if there is no
        message with the client_message_id in the outbox.
        """
        if isinstance(target, int):
            item = self._new_item(conversation_id, kind, fields)
            item.target, item.history_id = target, self._sender.history_id
            self._queue(item)
            return
        lane = self._lane(conversation_id)
        acknowledged = next((item for item in lane.acknowledged if item.client_message_id == target), None)
        if acknowledged is not None and acknowledged.sequence_id is not None:
            self.add_update(conversation_id, kind, acknowledged.sequence_id, fields)
            return
        message = lane.message(target)
        if message is None:
            raise KeyError(target)
        if not self._fold_in(message, kind, fields):
            item = self._new_item(conversation_id, kind, fields)
            item.target_message = target
            self._queue(item)

    def retry(self, conversation_id: str, client_message_id: str) -> None:
        """Send a failed message again, and with it the later ones that it holds."""
        lane = self._lane(conversation_id)
        message = lane.message(client_message_id)
        if message is None or message.error is None:
            return
        if message.refers_to_history and message.history_id not in {None, self._sender.history_id}:
            self._refuse(message, OTHER_HISTORY)
            return
        message.error = None
        lane.not_before = 0.0
        self._save(message)

    def discard(self, conversation_id: str, client_message_id: str) -> None:
        """Delete a failed message and its updates; the later messages are sent."""
        lane = self._lane(conversation_id)
        if (message := lane.message(client_message_id)) is not None and message.error is not None:
            self._delete(message)

    def flush(self, now: float) -> None:
        """Send all items that may be sent."""
        while batch := self._next_batch(now):
            self._send(batch, now)

    def replied(self, frame: JsonObject, now: float) -> bool:
        """Apply an answer; return whether it belongs to the outbox."""
        flight = self._flights.pop(str(frame.get("id")), None)
        if flight is None:
            return False
        self._land(flight)
        if len(results := frame.get("results") or []) == len(flight.items):
            for item, result in zip(flight.items, results, strict=True):
                self._answered(item, result, now)
        elif len(flight.items) == 1:
            self._answered(flight.items[0], frame, now)
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

    def history_changed(self) -> None:
        """Send the unacknowledged messages again; fail or discard the items that name a sequence id."""
        self.disconnected()
        for lane in self._lanes.values():
            lane.acknowledged.clear()
            lane.not_before = 0.0
            for item in list(lane.items):
                if item.refers_to_history and item.history_id != self._sender.history_id and item.error is None:
                    self._refuse(item, OTHER_HISTORY)

    def disconnected(self) -> None:
        """Await no answers any more: the next connection sends the items again."""
        for flight in self._flights.values():
            self._land(flight)
        self._flights.clear()

    def hurry(self) -> None:
        """End all delays, and send the items without an answer again."""
        self.disconnected()
        for lane in self._lanes.values():
            lane.not_before = 0.0

    def next_timer(self, now: float) -> float | None:
        """Return when `advance` has something to do."""
        deadlines = [flight.deadline for flight in self._flights.values()]
        delays = [
            lane.not_before
            for lane in self._lanes.values()
            if lane.flight_id is None and lane.not_before > now and next(lane.sendable(), None) is not None
        ]
        return min([*deadlines, *delays], default=None)

    def advance(self, now: float) -> None:
        """Give up the flights whose answer is overdue."""
        for flight_id, flight in list(self._flights.items()):
            if now >= flight.deadline:
                del self._flights[flight_id]
                self._land(flight)
                self._delay(flight, now)

    def _lane(self, conversation_id: str) -> Lane:
        if conversation_id not in self._lanes:
            self._lanes[conversation_id] = Lane(self._random)
        return self._lanes[conversation_id]

    def _new_item(self, conversation_id: str, kind: str, fields: JsonObject) -> Item:
        self._last_number += 1
        history_id = self._sender.history_id if fields.get("reply_to") is not None else None
        return Item(self._last_number, conversation_id, kind, fields, history_id=history_id)

    def _queue(self, item: Item) -> None:
        self._lane(item.conversation_id).items.append(item)
        self._save(item)

    def _save(self, item: Item) -> None:
        self._outputs.append(Save(item.key, item.stored()))
        self._outputs.append(OutboxChanged(item.conversation_id))

    def _delete(self, item: Item) -> None:
        lane = self._lane(item.conversation_id)
        for update in lane.updates_of(item.client_message_id):
            self._delete(update)
        lane.items.remove(item)
        self._outputs.append(Forget(item.key))
        self._outputs.append(OutboxChanged(item.conversation_id))

    def _fold_in(self, message: Item, kind: str, fields: JsonObject) -> bool:
        """Change a message that was never attempted; return whether that was possible."""
        is_free = not message.is_attempted
        if kind == "edit" and is_free and message.error is None:
            message.fields = {**message.fields, **fields}
            self._save(message)
        elif kind == "delete" and (is_free or message.error is not None):
            self._delete(message)
        else:
            return False
        return True

    def _next_batch(self, now: float) -> list[Item]:
        """Return items for one frame, from conversations without a flight."""
        batch: list[Item] = []
        free = self._sender.frame_bytes - ENVELOPE_BYTES
        for lane in self._lanes.values():
            if not lane.is_ready(now):
                continue
            for item in lane.sendable():
                needed = size(item.command(self._longest_id())) + 1
                if batch and (len(batch) == MAX_BATCH or needed > free or item.is_alone or batch[0].is_alone):
                    break
                batch.append(item)
                free -= needed
        return batch

    def _longest_id(self) -> str:
        return "0" * 16

    def _send(self, batch: list[Item], now: float) -> None:
        """Record the attempt, and send the items as one frame, or by HTTP if they do not fit into one."""
        for item in batch:
            if not item.is_attempted:
                item.is_attempted = True
                self._save(item)
        flight_id = self._sender.next_id()
        commands = [item.command(flight_id if len(batch) == 1 else self._sender.next_id()) for item in batch]
        if size(commands[0]) > self._sender.frame_bytes:
            self._outputs.append(PostBatch(flight_id, commands))
        elif len(commands) == 1:
            self._sender.send_as_is(commands[0])
        else:
            self._sender.send_as_is({"type": "batch", "id": flight_id, "commands": commands})
        self._flights[flight_id] = _Flight(batch, now + ANSWER_TIMEOUT)
        for item in batch:
            self._lane(item.conversation_id).flight_id = flight_id

    def _land(self, flight: _Flight) -> None:
        for item in flight.items:
            self._lane(item.conversation_id).flight_id = None

    def _delay(self, flight: _Flight, now: float, retry_after: float = 0.0) -> None:
        for conversation_id in {item.conversation_id for item in flight.items}:
            self._lane(conversation_id).delay(now, retry_after)

    def _batch_failed(self, flight: _Flight, frame: JsonObject, now: float) -> None:
        """Wait after a transient error; send the items one by one after a refusal of the batch as a whole."""
        if is_refusal(frame):
            for item in flight.items:
                item.is_alone = True
        else:
            self._delay(flight, now, frame.get("retry_after") or 0.0)

    def _answered(self, item: Item, frame: JsonObject, now: float) -> None:
        lane = self._lane(item.conversation_id)
        if item not in lane.items:
            return  # it was seen in the log before
        if is_refusal(frame):
            self._refuse(item, frame)
        elif "sequence_id" in frame and frame.get("history_id") == self._sender.history_id:
            lane.backoff.reset()
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
        if item.is_message and item.client_message_id is not None:
            item.sequence_id, item.error = sequence_id, None
            lane.acknowledged.append(item)
            self._outputs.append(
                Resolved(item.conversation_id, item.client_message_id, sequence_id, history_id or "")
            )
        self._outputs.append(Forget(item.key))
        self._outputs.append(OutboxChanged(item.conversation_id))


def item_values(stored: dict[str, JsonObject]) -> list[JsonObject]:
    """Return the items among all stored values."""
    return [value for key, value in stored.items() if key.startswith(ITEM_KEY)]
