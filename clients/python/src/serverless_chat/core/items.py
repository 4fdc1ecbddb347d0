"""The items of the outbox: messages and updates that are not in the log yet, as far as the client knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .message import Message
from .outputs import JsonObject

ITEM_KEY = "outbox/"


@dataclass(slots=True, eq=False)
class Item:
    """A command of the user, repeated until the server acknowledges or refuses it."""

    number: int
    """Its place in the order of all items."""
    conversation_id: str
    kind: str
    """`message`, `edit`, `delete`, `react` or `unreact`."""
    fields: JsonObject
    """The fields that the user gave."""
    client_message_id: str | None = None
    """Of a message: the same in every attempt."""
    target: int | None = None
    """Of an update: the sequence id of its message."""
    target_message: str | None = None
    """Of an update of a message that is not acknowledged: the client_message_id of that message."""
    history_id: str | None = None
    """The history of the sequence ids in it; None if it has none."""
    is_attempted: bool = False
    """Whether an attempt to send it was recorded; its fields are fixed from then on."""
    error: JsonObject | None = None
    """Why the server refused it."""
    sequence_id: int | None = None
    """Its place in the log, once it is acknowledged."""
    is_alone: bool = False
    """Whether it is sent outside a batch, so that an error is about it alone."""

    @property
    def key(self) -> str:
        """The key in storage; keys sort in the order of the items."""
        return f"{ITEM_KEY}{self.number:016d}"

    @property
    def is_message(self) -> bool:
        """Whether it is a message, not an update of one."""
        return self.kind == "message"

    @property
    def refers_to_history(self) -> bool:
        """Whether it names a sequence id, which is void in another history."""
        return self.target is not None or self.fields.get("reply_to") is not None

    def stored(self) -> JsonObject:
        """Return the value for storage."""
        value = asdict(self)
        del value["is_alone"]
        return value

    @classmethod
    def restored(cls, value: JsonObject) -> Item:
        """Return the item of a stored value."""
        return cls(**value)

    def command(self, frame_id: str) -> JsonObject:
        """Return the command that sends it."""
        command: JsonObject = {"type": self.kind, "id": frame_id, "conversation_id": self.conversation_id}
        identity: dict[str, Any] = {"client_message_id": self.client_message_id, "target": self.target}
        command |= {name: value for name, value in identity.items() if value is not None}
        if self.refers_to_history and self.history_id is not None:
            command["history_id"] = self.history_id
        return command | self.fields

    def as_message(self, participant: JsonObject | None) -> Message:
        """Return the message as its sender sees it."""
        return Message(
            status="failed" if self.error else "pending",
            sequence_id=self.sequence_id,
            message_id=None,
            client_message_id=self.client_message_id,
            created_at=None,
            sender=participant,
            content=self.fields["content"],
            reply_to=self.fields.get("reply_to"),
            mentions=tuple(self.fields.get("mentions") or ()),
            metadata=self.fields.get("metadata"),
            error=self.error,
        )
