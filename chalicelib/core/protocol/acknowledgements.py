"""The replies to commands that append to a log.

An acknowledgement has the stored message only if it is not as the command had it: the hook changed it, or it is a
repeat with another content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.kernel import json_codec
from chalicelib.core.model.events import Event
from chalicelib.core.protocol.frames import HISTORY_ID_BYTES, ID_BYTES, MAX_FRAME_BYTES, Frame
from chalicelib.core.protocol.message_fields import MessageFields, changes_of, content_of

if TYPE_CHECKING:
    from chalicelib.core.protocol.commands import Delete, Edit, Message, React, Unreact


def message_ack(event: Event, command: Message, *, duplicate: bool) -> Frame:
    """Return the reply to a message."""
    ack = {
        "type": "message_ack",
        "conversation_id": event["conversation_id"],
        "client_message_id": command.client_message_id,
        "message_id": event["message_id"],
        "sequence_id": event["sequence_id"],
        "created_at": event["created_at"],
        "duplicate": duplicate,
    }
    return _with_stored(ack, event, content_of(command), MessageFields.model_fields)


def update_ack(command: Edit | Delete | React | Unreact, sequence_id: int, message: Event) -> Frame:
    """Return the reply to an update, after which the message is `message`."""
    ack = {"type": "ack", "conversation_id": command.conversation_id, "sequence_id": sequence_id}
    if command.type != "edit":
        return ack
    changes = changes_of(command)
    return _with_stored(ack, message, changes, changes)


def _with_stored(ack: Frame, message: Event, sent: Mapping[str, Any], names: Iterable[str]) -> Frame:
    """Return an acknowledgement, with the message if a field is not as it was sent and a frame has room."""
    if all((message.get(name) or None) == (sent.get(name) or None) for name in names):
        return ack
    with_stored = {**ack, "stored": message}
    fits = json_codec.size(with_stored) <= MAX_FRAME_BYTES - HISTORY_ID_BYTES - ID_BYTES
    return with_stored if fits else ack
