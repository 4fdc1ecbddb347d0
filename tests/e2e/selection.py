"""The end-to-end tests that run on each target.

All of them run in development. The bundle and MiniStack run the same code, so they get the tests that depend on
packaging, processes, permissions or the deployed template:

- on the bundle, whole files about concurrency, faults, limits and time; of the tables of invalid input, and of the
  answers to outsiders, one row of ten; each action of the permission matrix for one allowed and one rejected role;
  one example of each fuzz test of valid requests and commands; the first rows in the files about credentials,
  presence, messages, non-members, scenarios and users. Other files test rules that the core alone enforces, with
  routes and commands that the matrix calls on the bundle. (After a whole run on the bundle, an unused permission
  of a function is an error.)
- on MiniStack, each action of the permission matrix (and so each route and each command) for one allowed and one
  rejected role, one row of ten of the answers to outsiders, and the first rows in the files about credentials,
  errors, scenarios, users, queues and schedules

`CHAT_E2E_WHOLE=1` (`make e2e`, `make test-all`) selects everything on every target.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest

from tests.e2e.targets import BUNDLE, MINISTACK

T = TypeVar("T")

WHOLE_ON_BUNDLE = {
    "test_data_rights",
    "test_expiry_and_rate_limits",
    "test_gateway_faults",
    "test_idempotency",
    "test_identity_provider",
    "test_participant_limits",
    "test_races",
    "test_size_limits",
}
EVERY_ROW = {"test_permission_matrix", "test_fuzz_http", "test_fuzz_socket"}
"""Files whose tests are reduced inside: fewer roles, fewer examples."""
TABLES = {"test_bad_commands", "test_bad_requests"}
ONE_ROW_OF = 10
FEW_ROWS = {"test_outsiders_cannot_distinguish_foreign_from_unknown_conversations"}
"""A test of a rule that the core alone enforces, for each action of the matrix: one row of ten."""
FIRST_ROWS_ON_BUNDLE = {
    "test_feed",
    "test_identity",
    "test_message_updates",
    "test_messages",
    "test_non_members",
    "test_presence",
    "test_protocol_session",
    "test_scenarios",
    "test_service_routes",
    "test_services",
    "test_users",
}
NOT_ON_BUNDLE = {
    "test_invalid_requests_are_rejected_as_documented",
    "test_message_is_limited_to_twenty_emoji_and_fifty_edits",
    "test_mutated_commands_do_no_harm",
}
"""Tests of limits and rules that the core alone enforces, and that take longer than others."""
ON_MINISTACK = {
    "test_bad_commands",
    "test_bad_requests",
    "test_data_rights",
    "test_identity",
    "test_permission_matrix",
    "test_presence",
    "test_protocol_session",
    "test_scenarios",
    "test_users",
}


def is_whole() -> bool:
    """Whether every test runs on every target."""
    return bool(os.environ.get("CHAT_E2E_WHOLE"))


def target_of(item: pytest.Item) -> str | None:
    """Return the target of a test, or None if it needs none."""
    callspec: Any = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("chat_target")


def left_out(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that do not run."""
    if is_whole():
        return []
    rows: Counter[tuple[str, str | None]] = Counter()
    found = []
    for item in items:
        function, target = item.nodeid.partition("[")[0], target_of(item)
        name = function.rpartition("::")[2]
        row = rows[function, target]
        rows[function, target] += 1
        if target in (BUNDLE, MINISTACK) and not _is_selected(target, item.path.stem, name, row):
            found.append(item)
    return found


def sample(target: str, number: int, values: Sequence[T]) -> Sequence[T]:
    """Return one of the values on the bundle and on MiniStack, another one for each number; else all."""
    if is_whole() or target not in (BUNDLE, MINISTACK) or not values:
        return values
    return [values[number % len(values)]]


def _is_selected(target: str, file: str, name: str, row: int) -> bool:
    if target == BUNDLE and name in NOT_ON_BUNDLE:
        return False
    if name in FEW_ROWS:
        return row % ONE_ROW_OF == 0
    if file in EVERY_ROW or (target == BUNDLE and file in WHOLE_ON_BUNDLE):
        return True
    if file not in (ON_MINISTACK if target == MINISTACK else TABLES | FIRST_ROWS_ON_BUNDLE):
        return False
    return row % ONE_ROW_OF == 0 if file in TABLES else row == 0
