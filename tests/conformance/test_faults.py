"""L9 for each client, judged from outside, on seeded schedules of faults."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.conformance.coverage import FAULTS
from tests.conformance.lines import ClientProcess
from tests.conformance.schedules import run

FIRST = int(os.environ.get("CHAT_CONFORMANCE_FIRST_SEED", "0"))
SCHEDULES = int(os.environ.get("CHAT_CONFORMANCE_SCHEDULES", "32"))
SAMPLE = 32
"""The number of schedules that have every kind of fault."""
GROUPS = 4


@pytest.fixture(scope="module")
def happened(tabs: list[ClientProcess]) -> Counter[str]:
    """Count the faults in all schedules of a client, and the schedules."""
    return Counter()


@pytest.mark.parametrize("group", range(GROUPS))
def test_client_shows_the_log_and_sends_each_message_once_under_faults(
    tabs: list[ClientProcess], happened: Counter[str], group: int
) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        happened += run(tabs[: 1 + seed // GROUPS % len(tabs)], seed)
        happened["schedules"] += 1


def test_schedules_have_every_kind_of_fault(tabs: list[ClientProcess], happened: Counter[str]) -> None:
    if happened["schedules"] < SAMPLE:
        pytest.skip(f"only {happened['schedules']} schedules have run in this process")
    assert sorted(FAULTS - (+happened).keys()) == []
