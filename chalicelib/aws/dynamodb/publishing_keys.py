"""The keys of events published to endpoints, in the conversations table. `keys.py` lists all keys of the table.

Cursors have separate partitions: they do not compete with the appends to their conversation. The stream
shows only insertions of items whose sort key begins with `E#`, in the partitions of conversations and in those
that begin with `W#`.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import CONVERSATION_PREFIX, EVENT_PREFIX, HEAD, Key, event_sk
from chalicelib.core.model.publishing import DEPLOYMENT_LOG

ENDPOINTS = "ENDPOINTS"
CURSOR_PREFIX = "O#"
LAG_PREFIX = "G#"
SLOT_PREFIX = "H#"
WAKING_PREFIX = "W#"
HEARTBEAT = "heartbeat"
"""The id by which the stream shows a heartbeat; no conversation id looks like it."""
DEPLOYMENT_EVENTS = "DEPLOYMENT"
PROGRESS = "PUBLISHING"


def endpoint_key(endpoint_id: str) -> Key:
    """Return the key of an endpoint."""
    return ENDPOINTS, endpoint_id


def cursor_pk(conversation_id: str) -> str:
    """Return the partition of the cursors of a conversation."""
    return f"{CURSOR_PREFIX}{conversation_id}"


def cursor_key(conversation_id: str, endpoint_id: str) -> Key:
    """Return the key of a cursor."""
    return cursor_pk(conversation_id), endpoint_id


def lag_pk(endpoint_id: str) -> str:
    """Return the partition of the lag notes of an endpoint."""
    return f"{LAG_PREFIX}{endpoint_id}"


def slot_key(endpoint_id: str, slot: int) -> Key:
    """Return the key of a slot for an attempt."""
    return f"{SLOT_PREFIX}{endpoint_id}", f"{slot:04d}"


def walk_key() -> Key:
    """Return the key of the progress of the walk."""
    return PROGRESS, "WALK"


def last_beat_key() -> Key:
    """Return the key of the newest heartbeat that came back."""
    return PROGRESS, "HEARTBEAT"


def heartbeat_key(time: int) -> Key:
    """Return the key of a heartbeat, by its time in milliseconds since the epoch."""
    return f"{WAKING_PREFIX}{HEARTBEAT}", f"{EVENT_PREFIX}{time:016d}"


def queued_pk() -> str:
    """Return the partition of the entries that are not in the deployment log yet."""
    return f"{WAKING_PREFIX}{DEPLOYMENT_LOG}"


def queued_sk(time: int, tag: str) -> str:
    """Return the sort key of a queued entry: by its time in milliseconds since the epoch."""
    return f"{EVENT_PREFIX}{time:016d}#{tag}"


def deployment_head_key() -> Key:
    """Return the key of the head of the deployment log."""
    return DEPLOYMENT_EVENTS, HEAD


def deployment_event_key(sequence_id: int) -> Key:
    """Return the key of an event of the deployment log."""
    return DEPLOYMENT_EVENTS, event_sk(sequence_id)


def streamed_id(pk: str) -> str:
    """Return the conversation that an inserted item wakes; also `DEPLOYMENT_LOG`, and `HEARTBEAT`."""
    return pk.removeprefix(CONVERSATION_PREFIX).removeprefix(WAKING_PREFIX)


def heartbeat_time(sk: str) -> int:
    """Return the time of a heartbeat in milliseconds since the epoch."""
    return int(sk.removeprefix(EVENT_PREFIX))
