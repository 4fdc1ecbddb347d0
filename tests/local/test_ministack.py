"""MiniStack's process: missing, exiting or hanging."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from local.errors import LocalError
from local.ministack import VENV, start_store

REGION = "us-east-1"


def fake_store(root: Path, script: str) -> Path:
    """Make a checkout whose MiniStack is a shell script."""
    python = root / VENV / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return root


def test_missing_environment_is_reported_with_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="is missing: MiniStack runs in it"):
        start_store(REGION, tmp_path)


def test_exit_at_startup_is_reported_with_the_last_output(tmp_path: Path) -> None:
    root = fake_store(tmp_path, "echo 'no module named ministack' >&2; exit 3")
    with start_store(REGION, root) as store, pytest.raises(LocalError) as error:
        store.wait_until_ready()
    assert "exited with code 3" in str(error.value)
    assert "no module named ministack" in str(error.value)
    assert not store.is_running()


def test_process_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.ministack.STOP_SECONDS", 0.2)
    root = fake_store(tmp_path, "trap '' TERM; echo up >&2; while :; do sleep 0.05; done")
    with start_store(REGION, root) as store:
        assert store.is_running()
    assert not store.is_running()


def test_process_inherits_only_basic_variables_of_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "SERVICES", "PERSIST_STATE", "CHAT_JWT_SECRET"):
        monkeypatch.setenv(name, "from the shell")
    root = fake_store(tmp_path, f"env > {tmp_path}/seen; exit 0")
    with start_store(REGION, root) as store, pytest.raises(LocalError):
        store.wait_until_ready()
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "from the shell" not in seen
    assert f"MINISTACK_REGION={REGION}\n" in seen
