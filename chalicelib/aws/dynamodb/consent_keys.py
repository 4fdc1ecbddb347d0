"""The keys of consent in the conversations table: blocks, standings, pending memberships and links.

`keys.py` lists all keys of the table.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import Key, conversation_pk, participant_pk
from chalicelib.core.kernel.ids import digest

# A partition, and the sort key in it.
BLOCKED_PREFIX = "B#"
BLOCKER_PREFIX = "U#"
# Sort keys below a participant.
BLOCK_PREFIX = "B#"
PENDING_PREFIX = "N#"
HIDDEN_PREFIX = "W#"
DIRECT_PREFIX = "D#"
STANDING = "STANDING"
# A sort key within a conversation.
INVITED_PREFIX = "N#"


def block_key(blocker_id: str, participant_id: str) -> Key:
    """Return the key of a block. The id of the blocked one is hashed, as a block outlasts their erasure."""
    return participant_pk(blocker_id), f"{BLOCK_PREFIX}{digest(participant_id)}"


def blocked_pk(participant_id: str) -> str:
    """Return the partition that names all who have blocked a participant."""
    return f"{BLOCKED_PREFIX}{digest(participant_id)}"


def blocked_key(blocker_id: str, participant_id: str) -> Key:
    """Return the key by which the erasure of a blocked participant finds the block."""
    return blocked_pk(participant_id), f"{BLOCKER_PREFIX}{blocker_id}"


def standing_key(participant_id: str) -> Key:
    """Return the key of a participant's standing."""
    return participant_pk(participant_id), STANDING


def pending_key(conversation_id: str, participant_id: str, adder_id: str) -> Key:
    """Return the key of a pending membership, as the participant sees it."""
    return participant_pk(participant_id), f"{PENDING_PREFIX}{conversation_id}#{digest(adder_id)}"


def hidden_key(conversation_id: str, participant_id: str, adder_id: str) -> Key:
    """Return the key of a pending membership that the participant does not see."""
    return participant_pk(participant_id), f"{HIDDEN_PREFIX}{conversation_id}#{digest(adder_id)}"


def direct_key(participant_id: str, other_id: str) -> Key:
    """Return the key of a participant's link to the direct conversation with another one, whose id is hashed."""
    return participant_pk(participant_id), f"{DIRECT_PREFIX}{digest(other_id)}"


def invited_prefix(participant_id: str) -> str:
    """Return the prefix of the pending memberships of a participant in a conversation."""
    return f"{INVITED_PREFIX}{digest(participant_id)}#"


def invited_key(conversation_id: str, participant_id: str, adder_id: str) -> Key:
    """Return the key of a pending membership, as owners and moderators of the conversation see it."""
    return conversation_pk(conversation_id), f"{invited_prefix(participant_id)}{digest(adder_id)}"
