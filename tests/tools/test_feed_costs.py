"""The costs of a live list: the documented table, and the target that the feed was chosen for."""

from __future__ import annotations

from tests.infra.checkouts import ROOT
from tools.costs.feed import MEMBERS, SHARES, table, with_feed, with_subscriptions


def test_documented_table_is_that_of_the_model() -> None:
    documented = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    assert table() in documented, "replace the table by that of python -m tools.costs.feed"


def test_feed_costs_a_thirtieth_of_subscriptions_where_few_are_online() -> None:
    assert with_feed(20, 0.05).total < 0.0135
    assert with_subscriptions(20, 0.05).total > 30 * with_feed(20, 0.05).total


def test_feed_is_cheaper_at_every_size() -> None:
    for members in MEMBERS:
        for online in SHARES:
            assert with_feed(members, online).total < with_subscriptions(members, online).total
