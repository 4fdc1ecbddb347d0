"""A budget for retries that all calls of a client share, so that they do not overload a service in trouble.

It works as in the SDK's retry mode "standard" (botocore, `retries/quota.py` and `retries/standard.py`): a retry
takes from the budget, and a success returns what the last retry took, or 1. During a long outage the budget of a
function is soon empty: then each call makes one attempt, and fails after one timeout instead of three.
"""

from __future__ import annotations

import threading

INITIAL_CAPACITY = 500
RETRY_COST = 14
THROTTLING_RETRY_COST = 5
NO_RETRY_INCREMENT = 1
"""The amount that a call returns which succeeds without a retry. Names and numbers are botocore's."""


class RetryQuota:
    """The budget of one client. Safe to use from any thread."""

    def __init__(self, capacity: int = INITIAL_CAPACITY) -> None:
        self._capacity = capacity
        self._available = capacity
        self._lock = threading.Lock()

    def acquire(self, amount: int) -> bool:
        """Take `amount` from the budget, or nothing; return whether it was available."""
        with self._lock:
            if amount > self._available:
                return False
            self._available -= amount
            return True

    def release(self, amount: int) -> None:
        """Return `amount` to the budget, up to its capacity."""
        # Almost always the budget is full, and reading that needs no lock.
        if self._available < self._capacity:
            with self._lock:
                self._available = min(self._available + amount, self._capacity)
