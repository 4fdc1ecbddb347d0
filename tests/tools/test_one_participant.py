"""The costs that one participant can cause in an hour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.kernel.limits import Limits
from tests.infra.checkouts import ROOT
from tools.costs.one_participant import hourly, table


def test_documented_costs_are_those_of_the_limits() -> None:
    documented = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    assert table() in documented, "replace the table by that of python -m tools.costs.one_participant"


def test_costs_are_proportional_to_the_limits() -> None:
    limits = Limits()
    half = replace(limits, budget_per_second=limits.budget_per_second // 2)
    name = "budget of requests"
    assert hourly(1, half)[name] == pytest.approx(hourly(1, limits)[name] / 2)
    assert hourly(1)["messages to 1 connections"] < hourly(2)["messages to 2 connections"]
