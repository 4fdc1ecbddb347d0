"""The budget for second attempts, beside botocore's."""

from __future__ import annotations

import random

from botocore.retries.quota import RetryQuota as Theirs
from botocore.retries.standard import RetryQuotaChecker

from chalicelib.awshttp._retry_quota import AGAIN, AGAIN_AFTER_THROTTLING, CAPACITY, NO_RETRY_INCREMENT, RetryQuota


def test_it_is_as_large_and_costs_as_much_as_botocores() -> None:
    assert CAPACITY == Theirs.INITIAL_CAPACITY
    theirs = vars(RetryQuotaChecker)
    assert theirs["_RETRY_COST"] == AGAIN
    assert theirs["_THROTTLING_RETRY_COST"] == AGAIN_AFTER_THROTTLING
    assert theirs["_NO_RETRY_INCREMENT"] == NO_RETRY_INCREMENT


def test_it_gives_and_takes_as_botocores_does() -> None:
    chance = random.Random(7)
    ours, theirs = RetryQuota(60), Theirs(60)
    refusals = 0
    for _ in range(2_000):
        amount = chance.choice((AGAIN, AGAIN_AFTER_THROTTLING))
        if chance.random() < 0.5:
            taken = ours.acquire(amount)
            refusals += not taken
            assert taken == theirs.acquire(amount)
        else:
            back = chance.choice((NO_RETRY_INCREMENT, amount))
            ours.release(back)
            theirs.release(back)
    assert refusals > 100
