"""`deploy` and `destroy` that are killed while CloudFormation works, and repeated: it continues without them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.bundle.build import built_stage, shared_directory
from tests.deploy.account import everything, physical
from tests.deploy.terminal import Desk, Ran
from tests.support.ministack import MiniStack

pytestmark = pytest.mark.skipif(
    not os.environ.get("CHAT_DEPLOY_KILLS"), reason="takes long: part of make test-all"
)
PATIENCE = 120.0
PAUSE = 0.5


def killed_at(desk: Desk, text: str, *command: str) -> None:
    """Run a command, and kill it as soon as its output contains the text."""
    with desk.started(*command) as process:
        assert process.stdout is not None
        shown = []
        for line in process.stdout:
            shown.append(line)
            if text in line:
                process.kill()
                return
    raise AssertionError(f"{text} did not appear: {''.join(shown)}")


def repeated(desk: Desk, *command: str) -> Ran:
    """Repeat a command until the stack is no longer busy with the operation of the killed one."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = desk.runs(*command)
        if "is busy" not in done.err:
            return done
        assert "wait until" in done.err and time.monotonic() < deadline, done.err
        time.sleep(PAUSE)


def test_killed_commands_finish_when_they_are_repeated(empty: MiniStack, tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, empty)
    built = str(built_stage(shared_directory(tmp_path.parent) / "bundle"))
    untouched = everything(empty)
    deploying = ("deploy", "--yes", "--package", built)

    killed_at(desk, "uploaded", *deploying)  # before the change set
    killed_at(desk, "CREATE_IN_PROGRESS", *deploying)
    done = repeated(desk, *deploying)
    assert (done.code, done.err) == (0, ""), done.err
    assert any(line.startswith("  ok  a message is sent") for line in done.lines)
    role = physical(empty)["GatewayLogRole"]

    killed_at(desk, "DELETE_IN_PROGRESS", "destroy", "--yes")
    done = repeated(desk, "destroy", "--yes")
    assert (done.code, done.err) == (0, ""), done.err
    left = {kind: found - untouched[kind] for kind, found in everything(empty).items()}
    assert left == {kind: {"roles": {role}, "buckets": left["buckets"]}.get(kind, set()) for kind in left}
    assert len(left["buckets"]) == 1
