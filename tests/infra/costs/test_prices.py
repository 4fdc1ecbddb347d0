"""What things cost: tiers, what is always free, and where each price was read."""

from __future__ import annotations

import pytest

from infra.costs import model, report
from tests.infra.costs.people import PRICES, price


def test_a_price_is_for_so_many_units() -> None:
    assert price((None, 0.625), per=1e6).cost(9) == pytest.approx(0.000005625)


def test_each_tier_is_paid_at_its_own_price() -> None:
    tiered = price((10, 3), (30, 2), (None, 1))
    assert tiered.cost(10) == 30
    assert tiered.cost(25) == 10 * 3 + 15 * 2
    assert tiered.cost(100) == 10 * 3 + 20 * 2 + 70 * 1


def test_what_is_always_free_comes_off_before_the_tiers_and_never_below_nothing() -> None:
    tiered = price((10, 3), (None, 2), always_free=5)
    assert tiered.cost(17, free=True) == 10 * 3 + 2 * 2
    assert tiered.cost(17) == 10 * 3 + 7 * 2
    assert tiered.cost(4, free=True) == 0


@pytest.mark.parametrize("name", PRICES)
def test_every_price_says_where_and_when_it_was_read_or_that_it_was_not(name: str) -> None:
    each = PRICES[name]
    assert each.source.startswith("https://")
    assert each.as_of
    assert ("unverified" in each.evidence) == (each.basis == "memory" or "unverified" in each.note)
    bounds = [up_to for up_to, _ in each.tiers]
    assert bounds[-1] is None
    assert None not in bounds[:-1]
    assert bounds[:-1] == sorted(each for each in bounds if each is not None)


def test_free_tiers_that_end_are_none() -> None:
    """API Gateway and S3 were free for twelve months, for accounts from before 2025-07-15."""
    for name in ("websocket_message", "websocket_minute", "rest_request", "s3_storage"):
        assert PRICES[name].always_free == 0


def test_every_price_is_in_a_group_and_has_a_row() -> None:
    assert sorted(name for names in model.GROUPS.values() for name in names) == sorted(PRICES)
    assert sorted(report.LABELS) == sorted(PRICES)
