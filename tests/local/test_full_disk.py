"""A full disk: clients get UNAVAILABLE, nothing is acknowledged that is not stored, and space ends it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from tests.local.instance import Instances
from tests.local.kill_traffic import SENDERS, Connection, Round
from tests.local.test_kill import ENVIRONMENT, connect, finish, started_round

ROOM = 200_000
"""Bytes that the files may still grow."""
ALICE = SENDERS[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process can be set on Linux only")
def test_full_disk_rejects_writes_and_more_space_ends_it(instances: Instances, tmp_path: Path) -> None:
    data = tmp_path / "data"
    instance = instances.start("--data", str(data), **ENVIRONMENT)
    current = started_round(instance)
    alice = connect(instance, ALICE)
    pid = instance.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    # The write fails as on a full disk: with an error of the system.
    size = max(path.stat().st_size for path in data.iterdir())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + ROOM, hard))
    assert send_until_rejected(current, alice) == 503
    path = f"/conversations/{current.conversation_id}/messages"
    status, error = alice.call("POST", path, {"content": "x" * 2000})
    assert (status, error["error"]["code"]) == (503, "UNAVAILABLE")
    assert alice.call("GET", f"{path}?limit=1")[0] == 200

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert current.post(ALICE, alice) in (200, 201)
    instance.process.kill()
    _, errors = instance.rest_of_output()
    alice.close()

    lines = [line for line in errors.splitlines() if "dynamodb.sqlite" in line]
    assert "operations fail with HTTP 500" in lines[0]
    assert [line for line in lines[1:] if "can be written again" not in line] == []
    finish([current], instances.start("--data", str(data), **ENVIRONMENT))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process can be set on Linux only")
def test_disk_that_is_full_at_the_stop_is_reported_with_status_1_and_loses_nothing(
    instances: Instances, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    instance = instances.start("--data", str(data), **ENVIRONMENT)
    current = started_round(instance)
    alice = connect(instance, ALICE)
    for number in range(20):
        current.pending[ALICE] = f"{ALICE} {number}"
        assert current.post(ALICE, alice) == 201
    alice.close()
    pid = instance.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, ((data / "dynamodb.sqlite").stat().st_size, hard))

    instance.stop()

    assert instance.process.returncode == 1
    errors = instance.rest_of_output()[1]
    assert "was not closed cleanly" in errors
    assert "Traceback" not in errors
    finish([current], instances.start("--data", str(data), **ENVIRONMENT))


def send_until_rejected(current: Round, connection: Connection) -> int:
    """Post messages until one is rejected, and return its status; it stays pending."""
    while True:
        current.pending[ALICE] = f"{ALICE} {len(current.acknowledged[ALICE])}"
        status = current.post(ALICE, connection)
        if ALICE in current.pending:
            return status
