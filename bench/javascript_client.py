"""The JavaScript client: applying events against parsing them, reconnecting, and its size."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from local.settings import ROOT
from scripts.node import CLIENT, node_program

from .stats import table
from .targets import Targets

Print = Callable[[str], None]
MAX_RATIO = 3.0
"""How many times as long as parsing 10,000 events it may take to parse and apply them."""

MAX_GROWTH = 1.1
"""How many times as much memory a room may take after 100,000 messages as after 20,000, with a window."""


def report(print_result: Print, targets: Targets) -> bool:
    """Measure and print; return whether the results are correct."""
    node = node_program(ROOT)
    if node is None:
        print_result("There is no Node.js: see `make setup`.")
        targets.leave_out("the JavaScript client")
        return True
    measured = _measure(node)
    ratio = measured["applying"] / measured["parsing"]
    rows = [
        ["parse 10,000 events", f"{measured['parsing']:.1f} ms"],
        ["parse, apply and show them", f"{measured['applying']:.1f} ms, {ratio:.1f} times"],
        ["memory with a window of 5,000, after 20,000 messages", f"{measured['few'] / 1e6:.1f} MB"],
        ["the same after 100,000 messages", f"{measured['many'] / 1e6:.1f} MB"],
        ["reconnect with 300 conversations", f"{measured['reconnecting']:.2f} ms"],
        ["frames to the server, and their bytes", f"{measured['frames']:.0f}, {measured['bytes']:.0f}"],
        ["frames from it, beside the list by HTTP", f"{measured['answers']:.0f}, {measured['answerBytes']:.0f}"],
    ]
    print_result(table(["JavaScript client", "measured"], rows))
    targets.at_most("JavaScript client: applying against parsing", ratio, MAX_RATIO)
    growth = measured["many"] / measured["few"]
    targets.at_most("JavaScript client: memory of a window, growth", growth, MAX_GROWTH)
    return True


def _measure(node: Path) -> dict[str, float]:
    source = Path(__file__).with_suffix(".ts")
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "bench.mjs"
        esbuild = ROOT / CLIENT / "node_modules" / "esbuild" / "bin" / "esbuild"
        options = ["--bundle", "--platform=node", "--format=esm", "--log-level=error", f"--outfile={target}"]
        subprocess.run([str(node), str(esbuild), str(source), *options], cwd=ROOT, check=True)
        done = subprocess.run([str(node), "--expose-gc", str(target)], capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
