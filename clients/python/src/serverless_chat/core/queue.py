"""The items of all conversations: queued, stored, and taken out."""

from __future__ import annotations

from collections.abc import Iterable

from .frames import FrameSender
from .items import ITEM_KEY, Item
from .lane import Lane
from .outputs import Forget, JsonObject, OutboxChanged, Outputs, Refused, Resolved, Save, Withdrawn
from .retries import Random


class Queue:
    """Keeps the items in their order, by conversation, and stores each change."""

    def __init__(self, sender: FrameSender, outputs: Outputs, random: Random) -> None:
        self._sender, self._outputs, self._random = sender, outputs, random
        self._lanes: dict[str, Lane] = {}
        self._last_number = 0

    def restore(self, values: Iterable[JsonObject]) -> None:
        """Take over stored items, in any order. An update whose message is gone has no target any more."""
        for item in sorted(map(Item.restored, values), key=lambda item: item.number):
            lane = self._lane(item.conversation_id)
            self._last_number = item.number
            if item.target_message is None or lane.message(item.target_message) is not None:
                lane.items.append(item)
            else:
                self._outputs.append(Forget(item.key))

    def conversations(self) -> list[str]:
        """Return the conversations that have, or had, items."""
        return list(self._lanes)

    def pending(self, conversation_id: str) -> list[Item]:
        """Return the messages that are not in the view, in their order, the acknowledged ones first."""
        lane = self._lanes.get(conversation_id)
        return [] if lane is None else [*lane.acknowledged, *(item for item in lane.items if item.is_message)]

    def has(self, conversation_id: str, client_message_id: str) -> bool:
        """Return whether a message is here: it is not in the view yet."""
        return any(item.client_message_id == client_message_id for item in self.pending(conversation_id))

    def add_message(self, conversation_id: str, client_message_id: str, fields: JsonObject) -> None:
        """Queue a message, unless the outbox has it already.

        One that is acknowledged is resolved once more, and one that has failed is refused once more.
        """
        lane = self._lane(conversation_id)
        acknowledged = lane.acknowledgement(client_message_id)
        if acknowledged is not None and acknowledged.sequence_id is not None:
            place = (acknowledged.sequence_id, self._sender.history_id or "")
            self._outputs.append(Resolved(conversation_id, client_message_id, *place))
            return
        if (known := lane.message(client_message_id)) is not None:
            if known.error is not None:
                self._outputs.append(Refused(conversation_id, known.kind, client_message_id, known.error))
            return
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
        acknowledged = lane.acknowledgement(target)
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

    def discard(self, conversation_id: str, client_message_id: str) -> None:
        """Delete a failed message and its updates; the later messages are sent."""
        lane = self._lane(conversation_id)
        if (message := lane.message(client_message_id)) is not None and message.error is not None:
            self._delete(message)

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
        if item.is_message:
            self._outputs.append(Withdrawn(item.conversation_id, item.client_message_id))
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


def item_values(stored: dict[str, JsonObject]) -> list[JsonObject]:
    """Return the items among all stored values."""
    return [value for key, value in stored.items() if key.startswith(ITEM_KEY)]
