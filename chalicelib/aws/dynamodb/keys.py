"""The keys of the conversations table. Nothing outside this module and `work_keys.py` knows how they are composed.

    pk                  sk                    item
    C#<conversation>    HEAD                  the head of the log; every append moves it by condition
    C#<conversation>    INFO                  title, join policy, metadata
    C#<conversation>    E#<sequence id>       event; with the current state of a message that was updated
    C#<conversation>    R#<sequence id>#<emoji>#<participant>  reaction to a message, both hashed
    C#<conversation>    P#<participant>       roster entry: a membership as the other members see it
    C#<conversation>    L#<participant>       past membership: read pointer, the mute if it still runs, a removal
    C#<conversation>    B#<participant>       ban, the id hashed
    C#<conversation>    S#<participant>       sanctions on an erased participant, the id hashed
    C#<conversation>    N#<participant>#<participant>  pending membership, as owners see it; both ids hashed
    C#<conversation>    I#<hash>              invite, by a digest of its secret
    C#<conversation>    V#<hash>#<participant>  use of an invite, the id hashed
    C#<conversation>    A#<sequence id>#…     audit entry
    C#<conversation>    M#<author>-<sequence id>-<reporter>  open report of a message, both ids hashed
    C#<conversation>    Y#<author>-<sequence id>-<reporter>  closed report
    C#<conversation>    RETENTION             when retention runs next, and how far it got
    U#<participant>     C#<conversation>      membership: authoritative, with the read pointer
    U#<participant>     F#<conversation>      footprint: the conversation holds data of a former member
    U#<participant>     B#<participant>       block: the participant does not want to be added by the other, hashed
    B#<hash>            U#<participant>       the same by a digest of the blocked one, for their erasure
    U#<participant>     N#<conversation>#<hash>  pending membership, by the participant who added them
    U#<participant>     W#<conversation>#<hash>  pending membership that the participant does not see
    U#<participant>     M#<conversation>#<sequence id>  copy of a report for its reporter
    U#<participant>     D#<hash>              direct conversation with another participant, hashed
    U#<participant>     PROFILE               profile
    PROFILES            <hash>                progress of copying a changed profile to the memberships
    U#<participant>     STANDING              counts of memberships, and whether an erasure is running
    U#<participant>     I#<hash>              creation with an idempotency key
    K#<hash>            K                     idempotency record of a message that is in the log
    Q#<conversation>    <time>#<random>       run of messages in the queue of a contended conversation
    Q#<conversation>    #LEASE                lease of the sender who appends them
    PURGE               <due>#<conversation>  conversation to purge
    RETENTION           <due>#<conversation>  conversation to check for contents past retention
    N#<shard>           <conversation>        conversation in the index by creation
    J#<hash>            JOB                   erasure of a participant, by a digest of the id
    JOBS                <time>#<hash>         erasure that is not done
    ENDPOINTS           <endpoint>            endpoint of published events, with its circuit breaker
    O#<conversation>    <endpoint>            cursor: how far a conversation is published to an endpoint
    G#<endpoint>        <conversation>        lag note
    H#<endpoint>        <number>              slot of concurrent attempts
    W#heartbeat         E#<time>              heartbeat that comes back through the stream
    W#deployment        E#<time>#<random>     queued entry of the deployment log
    DEPLOYMENT          HEAD, E#<sequence id>  the deployment log
    PUBLISHING          WALK, HEARTBEAT       progress of the walk; the newest heartbeat that came back

Participant ids may contain any visible ASCII character. They occur only at the end of a key after a constant
prefix, or in a hash over length-prefixed parts, so that no id can be mistaken for another one.
"""

from __future__ import annotations

from chalicelib.core.kernel.ids import digest, url_safe_digest
from chalicelib.core.kernel.text import without_variation_selectors
from chalicelib.core.model.messages import IdempotencyKey

Key = tuple[str, str]
"""A primary key: `pk` and `sk`."""

# Partitions of either table.
CONVERSATION_PREFIX = "C#"
PARTICIPANT_PREFIX = "U#"
# Other partitions.
IDEMPOTENCY_PREFIX = "K#"
QUEUE_PREFIX = "Q#"
# Sort keys within a conversation.
HEAD = "HEAD"
DETAILS = "INFO"
EVENT_PREFIX = "E#"
REACTION_PREFIX = "R#"
ROSTER_PREFIX = "P#"
PAST_MEMBERSHIP_PREFIX = "L#"
BAN_PREFIX = "B#"
SANCTIONS_PREFIX = "S#"
INVITE_PREFIX = "I#"
INVITE_USE_PREFIX = "V#"
AUDIT_PREFIX = "A#"
# Sort keys within a queue.
LEASE = "#LEASE"
# Sort keys below a participant.
MEMBERSHIP_PREFIX = "C#"
FOOTPRINT_PREFIX = "F#"
CREATION_PREFIX = "I#"

FIRST, LAST = " ", "~"
"""Below and above everything that a key consists of: visible ASCII characters, of which `~` is the last."""
ALL_RUNS = "0", LAST
"""The range of the runs of a queue: their keys begin with a digit, and that of the lease is lower."""


def sk_after(sk: str) -> str:
    """Return the lowest sort key above `sk` and below every other one that is above it."""
    return f"{sk}{FIRST}"


def sk_up_to(prefix: str) -> str:
    """Return a sort key above all that begin with `prefix`."""
    return f"{prefix}{LAST}"


# ---- conversations ---------------------------------------------------------------------------------------


def conversation_pk(conversation_id: str) -> str:
    """Return the partition of a conversation, in either table."""
    return f"{CONVERSATION_PREFIX}{conversation_id}"


def head_key(conversation_id: str) -> Key:
    """Return the key of a head."""
    return conversation_pk(conversation_id), HEAD


def departed_key(participant_id: str) -> str:
    """Return the key of a departed member in the head's map: hashed, as map keys are limited in length."""
    return digest(participant_id, 16)


def details_key(conversation_id: str) -> Key:
    """Return the key of a conversation's details."""
    return conversation_pk(conversation_id), DETAILS


def event_key(conversation_id: str, sequence_id: int) -> Key:
    """Return the key of an event."""
    return conversation_pk(conversation_id), event_sk(sequence_id)


def event_sk(sequence_id: int) -> str:
    """Return the sort key of an event: as text, it sorts by number."""
    return f"{EVENT_PREFIX}{sequence_id:016d}"


def reaction_prefix(target: int, emoji: str | None = None) -> str:
    """Return the prefix of the reactions to a message, or of those with one emoji, whatever variant of it."""
    prefix = f"{REACTION_PREFIX}{target:016d}#"
    return prefix if emoji is None else f"{prefix}{digest(without_variation_selectors(emoji), 16)}#"


def reaction_key(conversation_id: str, target: int, participant_id: str, emoji: str) -> Key:
    """Return the key of a reaction."""
    return conversation_pk(conversation_id), f"{reaction_prefix(target, emoji)}{digest(participant_id, 16)}"


def queue_pk(conversation_id: str) -> str:
    """Return the partition of a conversation's queue."""
    return f"{QUEUE_PREFIX}{conversation_id}"


def queue_lease_key(conversation_id: str) -> Key:
    """Return the key of a queue's lease: before all runs, so that one query returns it with the oldest run."""
    return queue_pk(conversation_id), LEASE


def idempotency_hash(key: IdempotencyKey) -> str:
    """Return a digest of an idempotency key: of fixed length, and without the participant's id."""
    parts = (key.conversation_id, key.participant_id, key.client_message_id)
    return url_safe_digest("".join(f"{len(part)}:{part}" for part in parts))


def idempotency_record_key(hashed: str) -> Key:
    """Return the key of an idempotency record."""
    return f"{IDEMPOTENCY_PREFIX}{hashed}", "K"


# ---- participants ----------------------------------------------------------------------------------------


def participant_pk(participant_id: str) -> str:
    """Return the partition of a participant, in either table."""
    return f"{PARTICIPANT_PREFIX}{participant_id}"


def membership_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of a membership."""
    return participant_pk(participant_id), f"{MEMBERSHIP_PREFIX}{conversation_id}"


def roster_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of a membership's roster entry."""
    return conversation_pk(conversation_id), f"{ROSTER_PREFIX}{participant_id}"


def past_membership_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of a past membership."""
    return conversation_pk(conversation_id), f"{PAST_MEMBERSHIP_PREFIX}{participant_id}"


def footprint_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of a footprint."""
    return participant_pk(participant_id), f"{FOOTPRINT_PREFIX}{conversation_id}"


# ---- moderation ------------------------------------------------------------------------------------------


def ban_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of a ban. The id is hashed, as a ban remains when the participant is erased."""
    return conversation_pk(conversation_id), f"{BAN_PREFIX}{digest(participant_id)}"


def sanctions_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of the sanctions on an erased participant. The id is hashed, as for a ban."""
    return conversation_pk(conversation_id), f"{SANCTIONS_PREFIX}{digest(participant_id)}"


def invite_key(conversation_id: str, invite_id: str) -> Key:
    """Return the key of an invite."""
    return conversation_pk(conversation_id), f"{INVITE_PREFIX}{invite_id}"


def invite_use_key(conversation_id: str, invite_id: str, participant_id: str) -> Key:
    """Return the key of a participant's use of an invite. The id is hashed, as an erasure keeps it."""
    return conversation_pk(conversation_id), f"{INVITE_USE_PREFIX}{invite_id}#{digest(participant_id)}"


def audit_sk(sequence_id: int, position: str) -> str:
    """Return the sort key of an audit entry: by sequence id, then by position."""
    return f"{AUDIT_PREFIX}{sequence_id:016d}#{position}"


def audit_sk_after(after_entry: int | str) -> str:
    """Return the lowest sort key after all entries at a sequence id, or after the entry at a position."""
    if isinstance(after_entry, int):
        return sk_up_to(audit_sk(after_entry, ""))
    return sk_after(f"{AUDIT_PREFIX}{after_entry}")
