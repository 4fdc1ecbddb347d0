"""The keys of reports in the conversations table: those of a conversation contain no participant id.

`keys.py` lists all keys of the table.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import Key, conversation_pk, participant_pk
from chalicelib.core.kernel.ids import digest

# Sort keys within a conversation.
OPEN_REPORT_PREFIX = "M#"
CLOSED_REPORT_PREFIX = "Y#"
# The partitions of the index of open reports.
REPORT_INDEX_PREFIX = "M#"
REPORT_SHARDS = 4
"""Together they take 2,000 reports a second (docs/decisions/0015-creation-index.md)."""
# A sort key below a participant.
REPORT_COPY_PREFIX = "M#"


def report_item_key(conversation_id: str, key: str, *, is_open: bool) -> Key:
    """Return the key of a report in its conversation."""
    return conversation_pk(conversation_id), f"{OPEN_REPORT_PREFIX if is_open else CLOSED_REPORT_PREFIX}{key}"


def report_index_key(conversation_id: str, key: str, created_at: int) -> Key:
    """Return the key of an open report in the index; the sort keys are in the order of time."""
    shard = int(digest(key)[:2], 16) % REPORT_SHARDS
    return report_index_pk(shard), f"{created_at:015d}#{conversation_id}#{key}"


def report_index_pk(shard: int) -> str:
    """Return a partition of the index of open reports."""
    return f"{REPORT_INDEX_PREFIX}{shard}"


def parse_report_index_sk(sk: str) -> Key:
    """Return the key of the open report that an item of the index names."""
    _, conversation_id, key = sk.split("#", 2)
    return report_item_key(conversation_id, key, is_open=True)


def report_copy_key(conversation_id: str, target: int, reporter_id: str) -> Key:
    """Return the key of the reporter's copy."""
    return participant_pk(reporter_id), f"{REPORT_COPY_PREFIX}{conversation_id}#{target:016d}"
