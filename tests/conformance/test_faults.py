"""L9 for each client, judged from outside, on seeded schedules of faults."""

from __future__ import annotations

import os

import pytest

from tests.conformance.lines import ClientProcess
from tests.conformance.schedules import run

FIRST = int(os.environ.get("CHAT_CONFORMANCE_FIRST_SEED", "0"))
SCHEDULES = int(os.environ.get("CHAT_CONFORMANCE_SCHEDULES", "32"))
GROUPS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_client_shows_the_log_and_sends_each_message_once_under_faults(
    tabs: list[ClientProcess], group: int
) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        run(tabs[: 1 + seed // GROUPS % len(tabs)], seed)
