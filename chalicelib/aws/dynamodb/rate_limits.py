"""Rate limits on DynamoDB, by the generic cell rate algorithm (ITU-T I.371)."""

from __future__ import annotations

from chalicelib.aws.dynamodb.connection_keys import rate_limit_key
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.keys import Key
from chalicelib.aws.dynamodb.table import Table
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

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Ask for one message. Outside a burst, which is the usual case, this one write also charges for it."""
        try:
            self._table.update(
                *rate_limit_key(participant_id, "messages"),
                "SET #tat = :next, #sent_at = :now, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #tat <= :now",
                next=now + interval,
                now=now,
                expires_at=now // 1000 + RATE_LIMIT_TTL,
            )
        except ConditionFailed as failed:
            item = failed.item or {}
            tat: int = item.get("tat", now)
            excess = tat + interval - (now + burst * interval)
            allowed = excess <= 0
            overlaps = abs(now - item.get("sent_at", 0)) < OVERLAP
            return RateLimitDecision(allowed, max(excess, 0) / 1000, charge_pending=allowed, overlaps=overlaps)
        return RateLimitDecision(allowed=True)

    def charge(self, participant_id: str, now: int, *, interval: int) -> None:
        """Charge for a message out of the burst."""
        key, change = rate_limit_key(participant_id, "messages"), "SET #sent_at = :now ADD #tat :interval"
        self._table.update(*key, change, now=now, interval=interval)

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
