"""The keys of reports in the conversations table: those of a conversation contain no participant id.

`keys.py` lists all keys of the table.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import Key, conversation_pk, participant_pk

# Sort keys within a conversation.
OPEN_REPORT_PREFIX = "M#"
CLOSED_REPORT_PREFIX = "Y#"
# A sort key below a participant.
REPORT_COPY_PREFIX = "M#"


def report_item_key(conversation_id: str, key: str, *, is_open: bool) -> Key:
    """Return the key of a report in its conversation."""
    return conversation_pk(conversation_id), f"{OPEN_REPORT_PREFIX if is_open else CLOSED_REPORT_PREFIX}{key}"


def report_copy_key(conversation_id: str, target: int, reporter_id: str) -> Key:
    """Return the key of the reporter's copy."""
    return participant_pk(reporter_id), f"{REPORT_COPY_PREFIX}{conversation_id}#{target:016d}"
