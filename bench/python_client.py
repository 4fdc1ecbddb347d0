"""The Python client: applying events against parsing them, memory with a window, and reconnecting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from local.settings import ROOT

from .stats import table
from .targets import Targets

Print = Callable[[str], None]
EVENTS = 10_000
MIN_EVENTS = 30_000
"""How many events the client must parse, apply and show in a second, also on a busy machine: a quarter of what it
does on an idle one. The parser is in C, and alone three to four times as fast."""
MAX_GROWTH = 1.1
"""How many times as much memory a room may take after 100,000 messages as after 20,000, with a window."""


def report(print_result: Print, targets: Targets) -> bool:
    """Measure and print; return whether the results are correct."""
    measured = _measure()
    parsing, applying = measured["parsing"], measured["applying"]
    rows = [
        ["parse 10,000 events", f"{parsing * 1_000:.1f} ms"],
        ["parse, apply and show them", f"{applying * 1_000:.1f} ms, {applying / parsing:.1f} times"],
        ["memory with a window of 5,000, after 20,000 messages", f"{measured['few'] / 1e6:.1f} MB"],
        ["the same after 100,000 messages", f"{measured['many'] / 1e6:.1f} MB"],
        ["reconnect with 300 conversations", f"{measured['reconnecting'] * 1_000:.1f} ms"],
        ["its frames, and their bytes", f"{measured['frames']:.0f}, {measured['bytes']:.0f}"],
    ]
    print_result(table(["Python client", "measured"], rows))
    targets.at_least("Python client: events applied in a second", EVENTS / applying, MIN_EVENTS)
    targets.at_most("Python client: memory of a window, growth", measured["many"] / measured["few"], MAX_GROWTH)
    return True


def _measure() -> dict[str, float]:
    path = str(ROOT / "clients" / "python" / "src")
    command = [sys.executable, "-m", "bench.python_rooms"]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
