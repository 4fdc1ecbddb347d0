"""The outputs of the core: orders to its driver, in this order, and notifications.

The driver carries out each output before the next one. `Save` and `Forget` must be durable before the driver
continues: an attempt to send is recorded before its frame is sent, also if the process ends in between.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """Opens one connection, in place of a token: a backend gets it by `POST /tickets` for its user."""

    value: str = field(repr=False)


Credential = str | Ticket


@dataclass(frozen=True, slots=True)
class RequestToken:
    """Call the token callback, and pass its result to `Client.token_received` or `Client.token_failed`."""


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Open a WebSocket with this token or ticket. `socket` identifies it in the inputs about it."""

    socket: int
    token: Credential


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close this WebSocket. No input about it has an effect from here on."""

    socket: int


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Send this frame on the open WebSocket, encoded by `frames.encode`."""

    frame: JsonObject


@dataclass(frozen=True, slots=True)
class PostBatch:
    """Send `POST /batch`, and pass the answer to `Client.batch_posted` with this id."""

    request_id: str
    commands: list[JsonObject]


@dataclass(frozen=True, slots=True)
class Save:
    """Store a value under a key."""

    key: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete a stored key."""

    key: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The connection has another status: see `Chat.status`."""

    status: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """The view of a conversation begins anew with these events."""

    conversation_id: str
    history_id: str
    start: int
    """The marked start: the sequence id of the first event, or of the next one if there is none."""
    events: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Appended:
    """Events follow those in the view."""

    conversation_id: str
    events: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Prepended:
    """Events precede those in the view: an answer to `older`."""

    conversation_id: str
    events: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The view lost the events before this one, its new marked start: it keeps a window only."""

    conversation_id: str
    start: int


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """Participants, presence, typing, read pointers or the unread count of a conversation changed."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class HeadsReceived:
    """The heads of conversations by the server, and those that it does not know, or that the user lost."""

    heads: JsonObject
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A frame that can change the list of conversations, after the open conversations have applied it."""

    frame: JsonObject


@dataclass(frozen=True, slots=True)
class Discarded:
    """The view of a conversation is empty until `Replaced`: the server's data has another history."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class SubscriptionEnded:
    """The conversation was deleted, or the participant is not a member any more."""

    conversation_id: str
    code: str


@dataclass(frozen=True, slots=True)
class OutboxChanged:
    """The pending or failed items of a conversation changed."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A message is in the log of this history, under this sequence id."""

    conversation_id: str
    client_message_id: str
    sequence_id: int
    history_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The server refuses an item for good. A message is held as failed; an update is discarded."""

    conversation_id: str
    kind: str
    client_message_id: str | None
    error: JsonObject


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A message left the outbox unsent: the user deleted it, or it is of another participant."""

    conversation_id: str
    client_message_id: str | None


Output = (
    RequestToken
    | OpenSocket
    | CloseSocket
    | SendFrame
    | PostBatch
    | Save
    | Forget
    | StatusChanged
    | Replaced
    | Appended
    | Prepended
    | Trimmed
    | MembersChanged
    | Pushed
    | HeadsReceived
    | Discarded
    | SubscriptionEnded
    | OutboxChanged
    | Resolved
    | Refused
    | Withdrawn
)
Outputs = deque[Output]
