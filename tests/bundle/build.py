"""The stage `dev`, built for this machine once for all test processes of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from local.bundle.built import host_architecture
from local.settings import ROOT

BUILDING = 300.0
"""Seconds that it may take on a busy machine."""


def built_stage(place: Path) -> Path:
    """The directory with zip and template: built below `place`, or what another test process has built there."""
    place.mkdir(parents=True, exist_ok=True)
    out = place / "dev"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():  # a build that fails leaves nothing
            command = [
                sys.executable,
                "-m",
                "infra",
                "package",
                "--stage",
                "dev",
                "--architecture",
                host_architecture(),
            ]
            done = subprocess.run(
                [*command, "--out", str(out)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=BUILDING,
                check=False,
            )
            assert done.returncode == 0, done.stderr
    return out


def shared_place(basetemp: Path) -> Path:
    """A directory for all test processes of a run, by pytest's own directory for one of them."""
    return basetemp if "PYTEST_XDIST_WORKER" not in os.environ else basetemp.parent
