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
MAX_RATIO = 3.0
"""How many times as long as parsing 10,000 events, which is done in C, it may take to parse and apply them."""
MAX_GROWTH = 1.1
"""How many times as much memory a room may take after 100,000 messages as after 20,000, with a window."""


def report(print_result: Print, targets: Targets) -> bool:
    """Measure and print; return whether the results are correct."""
    measured = _measure()
    ratio = measured["applying"] / measured["parsing"]
    rows = [
        ["parse 10,000 events", f"{measured['parsing'] * 1_000:.1f} ms"],
        ["parse, apply and show them", f"{measured['applying'] * 1_000:.1f} ms, {ratio:.1f} times"],
        ["memory with a window of 5,000, after 20,000 messages", f"{measured['few'] / 1e6:.1f} MB"],
        ["the same after 100,000 messages", f"{measured['many'] / 1e6:.1f} MB"],
        ["reconnect with 300 conversations", f"{measured['reconnecting'] * 1_000:.1f} ms"],
        ["frames to the server, and their bytes", f"{measured['frames']:.0f}, {measured['bytes']:.0f}"],
        ["frames from it", f"{measured['answers']:.0f}, {measured['answer_bytes']:.0f}"],
    ]
    print_result(table(["Python client", "measured"], rows))
    targets.at_most("Python client: applying against parsing", ratio, MAX_RATIO)
    targets.at_most("Python client: memory of a window, growth", measured["many"] / measured["few"], MAX_GROWTH)
    return True


def _measure() -> dict[str, float]:
    path = str(ROOT / "clients" / "python" / "src")
    command = [sys.executable, "-m", "bench.python_rooms"]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
