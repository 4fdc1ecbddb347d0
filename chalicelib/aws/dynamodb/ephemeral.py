"""Records that live for minutes or hours, on DynamoDB: tickets, rate limits, typing and pending offline.

Each decision that only one caller may win is one conditional write or one delete. `DynamoParticipantData` deletes
all of it, and the connections, for an erasure.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.connection_items import connection_expiry
from chalicelib.aws.dynamodb.connection_keys import (
    CONNECTION_PREFIX,
    OPENED_PREFIX,
    PENDING_OFFLINE_PREFIX,
    TICKET_PREFIX,
    pending_offline_key,
    rate_limit_key,
    ticket_key,
    ticket_owner_key,
    typing_key,
)
from chalicelib.aws.dynamodb.connections import DynamoConnections
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.keys import Key, conversation_pk, participant_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.connections import Connection
from chalicelib.core.ports.rate_limits import Bucket, RateLimitDecision

RATE_LIMIT_TTL = 24 * 3600
TYPING_TTL = 600
"""Seconds, far longer than any of these records matters."""


class DynamoTickets:
    """The `TicketStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def save_ticket(self, key: str, connection: Connection, expires_at: int) -> None:
        """Save whose ticket it is. The item by which an erasure finds it is written first."""
        owner_pk, owner_sk = ticket_owner_key(connection.participant_id, key)
        self._table.put({"pk": owner_pk, "sk": owner_sk, "expires_at": expires_at})
        pk, sk = ticket_key(key)
        self._table.put(
            {
                "pk": pk,
                "sk": sk,
                "participant_id": connection.participant_id,
                "name": connection.name,
                "token_expires_at": connection.token_expires_at,
                "token_issued_at": connection.token_issued_at,
                "expires_at": expires_at,
            }
        )

    def redeem_ticket(self, key: str, now: int) -> Connection | None:
        """Delete a ticket and return whose it was: exactly one caller gets the deleted item."""
        item = self._table.delete(*ticket_key(key))
        if item is None or item["expires_at"] <= now:
            return None
        return Connection(
            "",
            item["participant_id"],
            item.get("name"),
            item["token_expires_at"],
            0,
            0,
            token_issued_at=item["token_issued_at"],
        )


class DynamoRateLimits:
    """The `RateLimitStore` port, by the generic cell rate algorithm (ITU-T I.371).

    One number is stored: the theoretical arrival time (TAT), at which all messages so far would have been sent at
    an even pace. A message is allowed while that is ahead of now by less than the burst.
    """

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Ask for one message. Outside a burst, which is the usual case, this one write also charges for it."""
        try:
            self._table.update(
                *rate_limit_key(participant_id, "messages"),
                "SET #tat = :next, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #tat <= :now",
                next=now + interval,
                now=now,
                expires_at=now // 1000 + RATE_LIMIT_TTL,
            )
        except ConditionFailed as failed:
            tat: int = (failed.item or {}).get("tat", now)
            excess = tat + interval - (now + burst * interval)
            allowed = excess <= 0
            return RateLimitDecision(allowed, retry_after=max(excess, 0) / 1000, charge_pending=allowed)
        return RateLimitDecision(allowed=True)

    def charge(self, participant_id: str, *, interval: int) -> None:
        """Charge for a message out of the burst."""
        self._table.update(*rate_limit_key(participant_id, "messages"), "ADD #tat :interval", interval=interval)

    def acquire(
        self,
        participant_id: str,
        now: int,
        count: int,
        *,
        interval: int,
        burst: int,
        bucket: Bucket = "messages",
    ) -> RateLimitDecision:
        """Ask for several messages or changes at once, by one conditional write, or two within a burst."""
        cost, key = count * interval, rate_limit_key(participant_id, bucket)
        try:
            self._table.update(
                *key,
                "SET #tat = :next, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #tat <= :now",
                next=now + cost,
                now=now,
                expires_at=now // 1000 + RATE_LIMIT_TTL,
            )
        except ConditionFailed:
            return self._acquire_from_burst(key, cost, latest=now + burst * interval - cost)
        return RateLimitDecision(allowed=True)

    def _acquire_from_burst(self, key: Key, cost: int, *, latest: int) -> RateLimitDecision:
        """Charge `cost` ms if the TAT is at most `latest`."""
        try:
            self._table.update(*key, "ADD #tat :cost", "#tat <= :latest", cost=cost, latest=latest)
        except ConditionFailed as failed:
            tat: int = (failed.item or {}).get("tat", latest)
            return RateLimitDecision(allowed=False, retry_after=max(tat - latest, 0) / 1000)
        return RateLimitDecision(allowed=True)


class DynamoTyping:
    """The `TypingStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def start_typing(self, conversation_id: str, participant_id: str, now: int, *, interval: int) -> bool:
        """Return whether a push is due: there was none in the last `interval` ms."""
        try:
            self._table.update(
                *typing_key(conversation_id, participant_id),
                "SET #pushed_at = :now, #is_typing = :yes, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #pushed_at <= :due",
                now=now,
                due=now - interval,
                yes=True,
                expires_at=now // 1000 + TYPING_TTL,
            )
        except ConditionFailed:
            return False
        return True

    def stop_typing(self, conversation_id: str, participant_id: str) -> bool:
        """Return whether a push is due: the last one was for `is_typing: true`."""
        try:
            self._table.update(
                *typing_key(conversation_id, participant_id),
                "SET #is_typing = :no",
                "#is_typing = :yes",
                yes=True,
                no=False,
            )
        except ConditionFailed:
            return False
        return True


class DynamoPendingOffline:
    """The `PendingOfflineStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def record_pending_offline(
        self, conversation_id: str, participant_id: str, disconnect_id: str, now: int
    ) -> None:
        """Record that a member's last connection closed; kept as long as a connection of then can last."""
        self._table.update(
            *pending_offline_key(conversation_id, participant_id),
            "SET #participant_id = :participant, #disconnect_id = :disconnect, #left_at = :now,"
            " #expires_at = :expires_at",
            participant=participant_id,
            disconnect=disconnect_id,
            now=now,
            expires_at=connection_expiry(now),
        )

    def cancel_pending_offline(self, conversation_id: str, participant_id: str) -> int | None:
        """Delete the record of a member; return when (ms) it was made: one caller gets the deleted item."""
        item = self._table.delete(*pending_offline_key(conversation_id, participant_id))
        return None if item is None else int(item["left_at"])

    def claim_pending_offline(self, conversation_id: str, disconnect_id: str) -> list[str]:
        """Delete the records of a disconnect; return the members. A later disconnect has other records."""
        claimed: list[str] = []
        for item in self._table.query(conversation_pk(conversation_id), prefix=PENDING_OFFLINE_PREFIX):
            if item["disconnect_id"] != disconnect_id:
                continue
            try:
                self._table.delete(
                    item["pk"], item["sk"], "#disconnect_id = :disconnect", disconnect=disconnect_id
                )
            except ConditionFailed:
                continue
            claimed.append(str(item["participant_id"]))
        return claimed


class DynamoParticipantData:
    """The `ParticipantDataStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, connections: DynamoConnections) -> None:
        self._table = Table(dynamo, table)
        self._connections = connections

    def delete_participant(self, participant_id: str) -> None:
        """Delete everything below a participant's id, and what that leads to."""
        for item in self._table.query(participant_pk(participant_id), include_expired=True):
            sk: str = item["sk"]
            keys = [(item["pk"], sk)]
            if sk.startswith((CONNECTION_PREFIX, OPENED_PREFIX)):
                self._connections.close(sk.partition("#")[2])
            elif sk.startswith(TICKET_PREFIX):
                keys.append(ticket_key(sk.removeprefix(TICKET_PREFIX)))
            self._table.batch_delete(keys)

    def delete_ephemeral(self, conversation_id: str, participant_id: str) -> None:
        """Delete the typing and pending offline records of a participant."""
        self._table.batch_delete(
            [typing_key(conversation_id, participant_id), pending_offline_key(conversation_id, participant_id)]
        )
