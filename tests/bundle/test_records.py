"""The permissions that were never used, summed over all servers and test processes of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.iam_permissions import Permission, PermissionRecords, problems

READ = {"function": "APIHandler", "sid": "UseTable", "action": "dynamodb:GetItem", "resource": "arn:x"}
SCAN = {**READ, "action": "dynamodb:Scan"}
SWEEP = {**READ, "function": "Sweep"}


def write(records: PermissionRecords, name: str, *unused: dict[str, str]) -> None:
    record: dict[str, Any] = {"calls": [], "denied": [], "unused": list(unused), "unwatched": []}
    records.new(name).write_text(json.dumps(record))


def test_permission_used_by_one_server_counts_as_used(tmp_path: Path) -> None:
    records = PermissionRecords(tmp_path / "iam")
    assert records.never_used() == set()
    write(records, "one", READ, SCAN, SWEEP)
    assert records.never_used() == {
        Permission("APIHandler", "UseTable", "dynamodb:GetItem"),
        Permission("APIHandler", "UseTable", "dynamodb:Scan"),
    }
    write(records, "two", SCAN, SWEEP)
    assert records.never_used() == {Permission("APIHandler", "UseTable", "dynamodb:Scan")}


def test_unused_permission_and_stale_exception_are_reported() -> None:
    scan = Permission("APIHandler", "UseTable", "dynamodb:Scan")
    assert problems(set(), set()) is None
    assert problems({scan}, set()) == "APIHandler never does dynamodb:Scan (UseTable)"
    assert problems({scan}, {scan}) is None
    assert problems(set(), {scan}) == "APIHandler does dynamodb:Scan: take it off the list"
