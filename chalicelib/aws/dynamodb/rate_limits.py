"""Rate limits on DynamoDB, by the generic cell rate algorithm (ITU-T I.371)."""

from __future__ import annotations

from chalicelib.aws.dynamodb.connection_keys import rate_limit_key
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.keys import Key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.ports.rate_limits import Bucket, RateLimitDecision

RATE_LIMIT_TTL = 24 * 3600
"""Seconds, far longer than a record matters."""
OVERLAP = 10
"""Milliseconds between two messages of which the second was certainly sent before the first was acknowledged: a
transaction alone takes as long."""


class DynamoRateLimits:
    """The `RateLimitStore` port.

    It stores the theoretical arrival time (TAT), when all messages so far would have been sent at an even pace. A
    message is allowed while that is ahead of now by less than the burst. The time of the last charge is stored
    too (`sent_at`), as a hint whether messages of one participant overlap.
    """

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

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
        """Charge for messages by one conditional write, which is the usual case, or by two within a burst."""
        cost, key = count * interval, rate_limit_key(participant_id, bucket)
        try:
            self._table.update(
                *key,
                "SET #tat = :next, #sent_at = :now, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #tat <= :now",
                next=now + cost,
                now=now,
                expires_at=now // 1000 + RATE_LIMIT_TTL,
            )
        except ConditionFailed as failed:
            latest = now + burst * interval - cost
            found = _excess(failed.item, latest, now)
            return self._acquire_from_burst(key, now, cost, latest=latest) if found.allowed else found
        return RateLimitDecision(allowed=True)

    def _acquire_from_burst(self, key: Key, now: int, cost: int, *, latest: int) -> RateLimitDecision:
        """Charge `cost` ms if the TAT is at most `latest`, however many others do so at the same time."""
        change = "SET #sent_at = :now ADD #tat :cost"
        try:
            old = self._table.update(*key, change, "#tat <= :latest", now=now, cost=cost, latest=latest)
        except ConditionFailed as failed:
            return _excess(failed.item, latest, now)._replace(allowed=False)
        return _excess(old, latest, now)


def _excess(item: Item | None, latest: int, now: int) -> RateLimitDecision:
    """Return the decision that follows from the record of a participant: the TAT may be at most `latest`."""
    record = item or {}
    excess = record.get("tat", latest) - latest
    overlaps = abs(now - record.get("sent_at", 0)) < OVERLAP
    return RateLimitDecision(excess <= 0, max(excess, 0) / 1000, overlaps=overlaps)
