"""Look for known vulnerabilities in the locked packages, with pip-audit.

    python -m scripts.audit                 every lock file
    python -m scripts.audit bundle run      some of them, by the names of their sources in `requirements/`

The exit status is 0 if no vulnerability is known, 1 if some are, and 2 if the advisory database could not be asked
or does not know a package: nothing is known then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.lock import LOCKS
from scripts.setup import Environment, is_ready, prepare
from scripts.uv import SetupError, Uv

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = Environment(ROOT / ".venv-audit", (ROOT / "requirements" / "audit.txt",))
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2


class Report(NamedTuple):
    """The output of pip-audit for one lock file."""

    output: str
    """JSON, or nothing if pip-audit failed."""
    errors: str


Run = Callable[[Path], Report]
"""Run pip-audit on a lock file."""


def pip_audit(lock: Path) -> Report:
    """Run pip-audit on a lock file: on its packages as listed, without resolving or installing anything."""
    program = str(ENVIRONMENT.path / "bin" / "pip-audit")
    options = [
        "--require-hashes",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "--timeout",
        "15",
        "--format",
        "json",
    ]
    command = [program, *options, "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return Report(done.stdout, done.stderr)


def audit(names: Sequence[str], run: Run, say: Callable[[str], None]) -> int:
    """Audit lock files and return the exit status of the command."""
    outcomes = set()
    for name in names:
        outcome, lines = _judge(run(ROOT / LOCKS[name]))
        say("\n".join([f"{LOCKS[name]}: {lines[0]}", *(f"    {line}" for line in lines[1:])]))
        outcomes.add(outcome)
    return VULNERABLE if VULNERABLE in outcomes else max(outcomes, default=CLEAN)


def _judge(report: Report) -> tuple[int, list[str]]:
    """Return the outcome for a lock file, with its description.

    pip-audit succeeds if a package is unknown to the database, too: that is no result.
    """
    try:
        packages = json.loads(report.output)["dependencies"]
    except (ValueError, KeyError):
        reason = (report.errors.strip().splitlines() or ["no output"])[-1]
        return UNKNOWN, [f"COULD NOT ASK the advisory database, so nothing is known: {reason}"]
    findings = [
        f"{package['name']} {package['version']}: {finding['id']}, fixed in {', '.join(finding['fix_versions'])}"
        for package in packages
        for finding in package.get("vulns", [])
    ]
    skipped = [package for package in packages if package.get("skip_reason")]
    unknown = []
    if skipped:
        reason = skipped[0]["skip_reason"]
        unknown = [f"COULD NOT ASK about {len(skipped)} of {len(packages)} packages: {reason}"]
    if findings:
        return VULNERABLE, [f"{len(findings)} known vulnerabilities", *findings, *unknown]
    if skipped:
        return UNKNOWN, unknown
    return CLEAN, [f"no known vulnerabilities in {len(packages)} packages"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.audit", description="Look for vulnerabilities.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="sources in requirements/ (default: all)")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - LOCKS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(LOCKS)}")
    try:
        if not is_ready(ENVIRONMENT, same_python=False):
            uv = Uv(ROOT)
            uv.install()
            prepare(ENVIRONMENT, uv, same_python=False)
    except SetupError as error:
        _say(f"pip-audit could not be installed, so nothing is known: {error}")
        return UNKNOWN
    return audit(options.names or list(LOCKS), pip_audit, _say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
