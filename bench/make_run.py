"""`make run` in a new checkout: until it prints the address of the page, until that answers, and once more."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.mutants.workspace import worktree

from .server import ServerFailed
from .stats import table
from .targets import Targets

MAX_FIRST, MAX_SECOND = 40.0, 2.0
PATIENCE = 300.0
AGAIN = 3
"""How often the second start is measured. The fastest counts: whatever else the machine does makes it longer."""
_OUTSIDE = ("MAKEFLAGS", "MAKELEVEL")


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds since the command, and the address of the page."""

    address: float
    web_url: str
    begun: float

    def page(self) -> float:
        """Return when the page is there, and not the note that it is being built. Raises ServerFailed."""
        while time.monotonic() - self.begun < PATIENCE:
            try:
                with urllib.request.urlopen(self.web_url):  # noqa: S310  (on this machine)
                    return time.monotonic() - self.begun
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                time.sleep(0.05)
        raise ServerFailed("the page was not built")


def report(print_result: Callable[[str], None], targets: Targets) -> bool:
    """Measure and print."""
    with worktree() as checkout:
        with _make_run(checkout) as first:
            page = first.page()
        again = [_second(checkout) for _ in range(AGAIN)]
    rows = [
        ["from the command in a new checkout to the address", f"{first.address:.1f} s"],
        ["to the page, which is built beside the chat", f"{page:.1f} s"],
        ["to the address, the second time", f"{min(again):.2f} s"],
    ]
    print_result(table(["`make run`", "measured"], rows))
    targets.at_most("make run: first address, s", first.address, MAX_FIRST)
    targets.at_most("make run: second address, s", min(again), MAX_SECOND)
    return True


def _second(checkout: Path) -> float:
    with _make_run(checkout) as started:
        return started.address


@contextmanager
def _make_run(checkout: Path) -> Iterator[Started]:
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["make", "run", "ARGS=--port 0 --json"],  # noqa: S607  (the make of the user)
            cwd=checkout,
            env={name: value for name, value in os.environ.items() if name not in _OUTSIDE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            output = process.stdout
            line = output.readline() if output and select.select([output], [], [], PATIENCE)[0] else b""
            if not line:
                log.seek(0)
                raise ServerFailed(f"`make run` printed no address:\n{log.read()}")
            yield Started(time.monotonic() - begun, json.loads(line)["web_url"], begun)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
