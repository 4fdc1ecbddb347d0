"""Stage `dev`, built for this machine once per test run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from local.bundle.built_stage import host_architecture
from local.settings import ROOT
from tests.support.build_cache import SOURCES, BuildCache

BUILD_TIMEOUT = 300.0
"""Seconds, on a busy machine."""


def built_stage(directory: Path) -> Path:
    """Return the directory of zip and template, built below `directory` unless another process has built it."""
    directory.mkdir(parents=True, exist_ok=True)
    out = directory / "dev"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():  # a failed build leaves nothing
            BuildCache().build("stage", SOURCES, out, _package, key=host_architecture())
    return out


def _package(out: Path) -> None:
    command = [sys.executable, "-m", "infra", "package", "--stage", "dev", "--architecture", host_architecture()]
    done = subprocess.run(
        [*command, "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def shared_directory(basetemp: Path) -> Path:
    """Return a directory that all test processes of a run share, given the temporary directory of one."""
    return basetemp if "PYTEST_XDIST_WORKER" not in os.environ else basetemp.parent
