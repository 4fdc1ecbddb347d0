"""The stream of the conversations table, as Lambda hands it to a function: conversations that changed.

A record says only that an item was written, and which: nothing of its content is used, and neither is the order
of the records. So it does not matter that the items of a transaction arrive apart, or again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.keys import CONVERSATION_PREFIX, EVENT_PREFIX
from chalicelib.aws.dynamodb.publishing_keys import HEARTBEAT, WAKING_PREFIX, heartbeat_time, streamed_id

FILTER = {
    "eventName": ["INSERT"],
    "dynamodb": {
        "Keys": {
            "pk": {"S": [{"prefix": CONVERSATION_PREFIX}, {"prefix": WAKING_PREFIX}]},
            "sk": {"S": [{"prefix": EVENT_PREFIX}]},
        }
    },
}
"""The records for which Lambda invokes the function; it charges nothing for others."""


class StreamedChanges(NamedTuple):
    """The meaning of the records of an invocation."""

    conversation_ids: tuple[str, ...]
    """Conversations that may have something to publish, each once; also the deployment log."""
    heartbeat: int
    """The time of the newest heartbeat among the records, in milliseconds since the epoch; 0: there is none."""
    unreadable: int
    """How many records could not be read."""


def read_changes(event: Mapping[str, Any]) -> StreamedChanges:
    """Return the meaning of the records of an invocation.

    A record that cannot be read is counted and skipped: it would be unreadable at every further attempt, too.
    """
    woken, heartbeat, unreadable = dict[str, None](), 0, 0
    for record in event["Records"]:
        try:
            pk, sk = (record["dynamodb"]["Keys"][name]["S"] for name in ("pk", "sk"))
            conversation_id = streamed_id(pk)
            if conversation_id == HEARTBEAT:
                heartbeat = max(heartbeat, heartbeat_time(sk))
            elif conversation_id != pk and sk.startswith(EVENT_PREFIX):
                woken[conversation_id] = None
            else:
                unreadable += 1
        except (AttributeError, KeyError, TypeError, ValueError):
            unreadable += 1
    return StreamedChanges(tuple(woken), heartbeat, unreadable)
