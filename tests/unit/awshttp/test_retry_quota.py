"""The budget for retries, compared with botocore's."""

from __future__ import annotations

import random

from botocore.retries.quota import RetryQuota as BotocoreRetryQuota
from botocore.retries.standard import RetryQuotaChecker

from chalicelib.awshttp._retry_quota import (
    INITIAL_CAPACITY,
    NO_RETRY_INCREMENT,
    RETRY_COST,
    THROTTLING_RETRY_COST,
    RetryQuota,
)


def test_capacity_and_costs_are_those_of_botocore() -> None:
    costs = vars(RetryQuotaChecker)
    assert BotocoreRetryQuota.INITIAL_CAPACITY == INITIAL_CAPACITY
    assert costs["_RETRY_COST"] == RETRY_COST
    assert costs["_THROTTLING_RETRY_COST"] == THROTTLING_RETRY_COST
    assert costs["_NO_RETRY_INCREMENT"] == NO_RETRY_INCREMENT


def test_an_amount_that_is_not_available_takes_nothing() -> None:
    quota = RetryQuota(20)
    assert quota.acquire(RETRY_COST)
    assert not quota.acquire(RETRY_COST)
    assert quota.acquire(20 - RETRY_COST)


def test_released_amounts_refill_the_budget_up_to_its_capacity() -> None:
    quota = RetryQuota(RETRY_COST)
    assert quota.acquire(RETRY_COST)
    quota.release(RETRY_COST - 1)
    assert not quota.acquire(RETRY_COST)
    quota.release(RETRY_COST)
    assert quota.acquire(RETRY_COST)
    assert not quota.acquire(1)


def test_any_sequence_has_the_same_outcome_as_with_botocore() -> None:
    chance = random.Random(7)
    ours, botocores = RetryQuota(60), BotocoreRetryQuota(60)
    denied = 0
    for _ in range(2_000):
        amount = chance.choice((RETRY_COST, THROTTLING_RETRY_COST))
        if chance.random() < 0.5:
            acquired = ours.acquire(amount)
            denied += not acquired
            assert acquired == botocores.acquire(amount)
        else:
            increment = chance.choice((NO_RETRY_INCREMENT, amount))
            ours.release(increment)
            botocores.release(increment)
    assert denied > 100
