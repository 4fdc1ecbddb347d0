"""The keys of the connections table, in which everything expires.

    X#<connection>      CONNECTION            connection: owner, token expiry, when it was last seen
    X#<connection>      S#<conversation>      subscription of a connection, also of a stale one, or tombstone
    X#<connection>      T#<conversation>      typing of a connection: its order, and when it was last pushed
    C#<conversation>    S#<connection>        subscription, as the fan-out finds it
    C#<conversation>    D#<participant>       pending offline: closed the last connection, not announced yet
    U#<participant>     X#<connection>        active connection of a participant
    L#<hash>            <limit>               rate limit of a participant, the id hashed; an erasure keeps it
    U#<participant>     K#<hash>              there is a ticket of the participant
    U#<participant>     O#<connection>        there is a connection of the participant, active or not
    U#<participant>     FEED                  directory: the connections of a participant that have a feed
    U#<participant>     O-REFUSED             no connection may be opened until a time
    K#<hash>            TICKET                ticket
    V#<hash>            REVOKED               tokens issued before a time are refused; the id hashed

Participant ids occur only at the end of a key after a constant prefix (see `keys.py`).
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import Key, conversation_pk, participant_pk
from chalicelib.core.kernel.ids import digest
from chalicelib.core.ports.rate_limits import Bucket

CONNECTION_PREFIX = "X#"
SUBSCRIPTION_PREFIX = "S#"
TYPING_PREFIX = "T#"
PENDING_OFFLINE_PREFIX = "D#"
TICKET_PREFIX = "K#"
OPENED_PREFIX = "O#"
REFUSED = "O-REFUSED"
OPENED_OR_REFUSED_PREFIX = "O"
REVOCATION_PREFIX = "V#"
RATE_LIMIT_PREFIX = "L#"
CONNECTION = "CONNECTION"
TICKET = "TICKET"
FEED = "FEED"
REVOKED = "REVOKED"


def connection_pk(connection_id: str) -> str:
    """Return the partition of a connection."""
    return f"{CONNECTION_PREFIX}{connection_id}"


def connection_key(connection_id: str) -> Key:
    """Return the key of a connection."""
    return connection_pk(connection_id), CONNECTION


def active_connection_key(participant_id: str, connection_id: str) -> Key:
    """Return the key by which a participant's active connection is found."""
    return participant_pk(participant_id), f"{CONNECTION_PREFIX}{connection_id}"


def opened_connection_key(participant_id: str, connection_id: str) -> Key:
    """Return the key by which an erasure finds a participant's connection, active or not."""
    return participant_pk(participant_id), f"{OPENED_PREFIX}{connection_id}"


def feed_key(participant_id: str) -> Key:
    """Return the key of a participant's item in the directory."""
    return participant_pk(participant_id), FEED


def refusal_key(participant_id: str) -> Key:
    """Return the key of a refusal, which is read with the participant's connections."""
    return participant_pk(participant_id), REFUSED


def revocation_key(participant_id: str) -> Key:
    """Return the key of a revocation. The id is hashed, as an erasure keeps it."""
    return f"{REVOCATION_PREFIX}{digest(participant_id)}", REVOKED


def subscription_keys(connection_id: str, conversation_id: str) -> tuple[Key, Key]:
    """Return the keys of a subscription: below its connection, and below its conversation."""
    return (
        (connection_pk(connection_id), f"{SUBSCRIPTION_PREFIX}{conversation_id}"),
        (conversation_pk(conversation_id), f"{SUBSCRIPTION_PREFIX}{connection_id}"),
    )


def typing_key(connection_id: str, conversation_id: str) -> Key:
    """Return the key of a typing record."""
    return connection_pk(connection_id), f"{TYPING_PREFIX}{conversation_id}"


def pending_offline_key(conversation_id: str, participant_id: str) -> Key:
    """Return the key of a pending offline record."""
    return conversation_pk(conversation_id), f"{PENDING_OFFLINE_PREFIX}{participant_id}"


def rate_limit_key(participant_id: str, bucket: Bucket) -> Key:
    """Return the key of a rate limit. The id is hashed, as an erasure keeps it."""
    return f"{RATE_LIMIT_PREFIX}{digest(participant_id)}", bucket


def ticket_key(ticket_hash: str) -> Key:
    """Return the key of a ticket."""
    return f"{TICKET_PREFIX}{ticket_hash}", TICKET


def ticket_owner_key(participant_id: str, ticket_hash: str) -> Key:
    """Return the key by which a participant's ticket is found."""
    return participant_pk(participant_id), f"{TICKET_PREFIX}{ticket_hash}"
