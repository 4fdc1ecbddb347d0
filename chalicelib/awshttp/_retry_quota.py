"""How often a process may ask again, over all its calls, so that who is in trouble is not asked all the more.

As the SDK's "standard" mode has it (botocore, `retries/quota.py` and `retries/standard.py`): one more attempt
takes from a budget, and a success gives back what the last one took, or 1. In a function that lives through an
outage the budget is soon used up: then each call is made once, and fails after one time limit instead of three.
"""

from __future__ import annotations

import threading

CAPACITY = 500
AGAIN, AGAIN_AFTER_THROTTLING = 14, 5
"""What one more attempt takes."""
NO_RETRY_INCREMENT = 1


class RetryQuota:
    """A budget for the calls of one client. Safe to use from any thread."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._left = capacity
        self._lock = threading.Lock()

    def acquire(self, amount: int) -> bool:
        """Take it out of the budget; whether that much was there."""
        with self._lock:
            if amount > self._left:
                return False
            self._left -= amount
            return True

    def release(self, amount: int) -> None:
        """Give it back."""
        # Nearly always nothing is missing, and then no lock is needed to see it.
        if self._left < self._capacity:
            with self._lock:
                self._left = min(self._left + amount, self._capacity)
