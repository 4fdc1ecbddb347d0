"""When the next attempt is made, when a conversation is parked, and when a circuit breaker opens: pure rules.

After failure *n* of a delivery, the next attempt follows after a random time (full jitter) up to 5 s, 10 s, 20 s …
8 hours; the sum of the bounds for 20 attempts is 2.8 days. `Retry-After` is obeyed up to six hours.
"""

from __future__ import annotations

from chalicelib.core.kernel.backoff import full_jitter, random_delay
from chalicelib.core.model.publishing import Cursor, Endpoint

LEASE = 45.0
"""Seconds. An attempt begins only while the lease has longer than the timeout left, and a margin."""
LEASE_MARGIN = 5.0
CHECK_MARGIN = 2.0
"""Seconds before a message of the queue is due in which it no longer counts as under way: clocks differ."""
RETRY_BASE, RETRY_CAP = 5.0, 8 * 3600.0
MAX_RETRY_AFTER = 6 * 3600.0
FAILURES_TO_OPEN = 10
"""Consecutive failures over all conversations of an endpoint that open its circuit breaker."""
PROBE_BASE, PROBE_CAP = 30.0, 900.0
SLOT_WAIT = 3.0, 30.0
"""Bounds of the seconds after which a job that found no slot looks again: more than `CHECK_MARGIN`, so that other
wake-ups of the conversation queue nothing meanwhile."""
SLOT_FACTOR = 6
"""The latest look over the earliest one: jobs that found no slot at the same time do not look again together."""
GIVE_UP_AFTER = 3 * 24 * 3600.0
"""Seconds for which an endpoint fails until it is disabled."""
SUCCESS_NOTED_EVERY = 60.0
"""Seconds between two writes of the last success of an endpoint that has no failures."""


def retry_delay(failures: int, retry_after: float | None) -> float:
    """Return the seconds until the attempt after so many consecutive failures."""
    delay = full_jitter(failures - 1, base=RETRY_BASE, cap=RETRY_CAP)
    return max(delay, min(retry_after or 0.0, MAX_RETRY_AFTER))


def check_at(now: int, delay: float) -> int:
    """Return up to when a message that was queued now, with a delay in seconds, makes another one superfluous."""
    return now + int(max(delay - CHECK_MARGIN, 0.0) * 1000)


def is_under_way(cursor: Cursor, now: int) -> bool:
    """Return whether a message for a cursor would be superfluous.

    Its lease is held, so the holder sees the wake-up, or an attempt has failed; and should the holder crash, a
    message comes after the lease. A parked conversation waits for a command.
    """
    is_waiting = max(cursor.lease_until, cursor.retry_at) > now
    return bool(cursor.parked_at) or (is_waiting and cursor.check_at > now)


def is_resumed_by_a_probe(cursor: Cursor, endpoint: Endpoint | None, now: int) -> bool:
    """Return whether a conversation has a lag note that the success of a probe takes up, which is not due yet."""
    return cursor.is_noted and endpoint is not None and bool(endpoint.failing_since) and endpoint.probe_at > now


def probe_delay(failures: int) -> float:
    """Return the seconds until the next probe of an endpoint with so many consecutive failures."""
    bound = min(PROBE_BASE * 2 ** max(failures - FAILURES_TO_OPEN, 0), PROBE_CAP)
    return random_delay(bound / 2, bound)


def slot_delay(held: float) -> float:
    """Return the seconds until a job that found no slot looks again, by the time for which one has been held.

    Slots of a fast endpoint are free again soon. A slow one holds them for up to 15 seconds, or as long as a
    conversation has much to catch up on; then an earlier look would only cost requests.
    """
    low, high = SLOT_WAIT
    return random_delay(min(max(held, low), high / SLOT_FACTOR), min(max(SLOT_FACTOR * held, 2 * low), high))


def own_failures_after(cursor: Cursor, endpoint: Endpoint) -> int:
    """Return the failures of a conversation that count, after another one.

    The first one counts, and later ones if another conversation of the endpoint has succeeded meanwhile:
    otherwise the endpoint fails, not the conversation.
    """
    if not cursor.failures:
        return 1
    return cursor.own_failures + (not endpoint.failing_since and endpoint.succeeded_at > cursor.failing_since)


def opens_circuit(endpoint: Endpoint) -> bool:
    """Return whether the failures of an endpoint open its circuit breaker."""
    return not endpoint.failing_since and endpoint.failures >= FAILURES_TO_OPEN


def is_given_up(endpoint: Endpoint, now: int) -> bool:
    """Return whether an endpoint has failed for so long that it is disabled. `now` is in milliseconds."""
    return 0 < endpoint.failing_since <= now - GIVE_UP_AFTER * 1000


def notes_success(endpoint: Endpoint, now: int) -> bool:
    """Return whether a success is to be stored: it ends failures, or the last one is a while ago."""
    is_failing = bool(endpoint.failures or endpoint.failing_since)
    return is_failing or now - endpoint.succeeded_at >= SUCCESS_NOTED_EVERY * 1000
