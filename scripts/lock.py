"""Update the lock files: the exact versions and hashes of every package of every environment.

    python -m scripts.lock                  follow the changes of `requirements/*.in`, keep all other versions
    python -m scripts.lock --upgrade        newest versions of everything that the `.in` files admit
    python -m scripts.lock PACKAGE...       newest versions of some packages

A lock file holds for CPython 3.11 and newer on every platform, and names no index and no address. The files are
updated in order: `requirements.txt` constrains `run.in`, and so on, to share the version of a package if possible.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.uv import Run, SetupError, Uv

LOCKS = {
    "bundle": "requirements.txt",  # its place is Chalice's choice
    "run": "requirements/run.txt",
    "test": "requirements/test.txt",
    "lambda": "requirements/lambda.txt",
    "lint": "requirements/lint.txt",
    "ministack": "requirements/ministack.txt",
    "node": "requirements/node.txt",
    "audit": "requirements/audit.txt",
    "uv": "requirements/uv.txt",
}
"""Lock files by the names of their sources in `requirements/`, in the order in which they are updated."""


def update(root: Path, packages: Sequence[str], *, upgrade: bool, run: Run | None = None) -> None:
    """Update every lock file. Raises SetupError."""
    uv = Uv(root, run)
    uv.install()
    options = ["--upgrade"] if upgrade else [part for name in packages for part in ("--upgrade-package", name)]
    for name, lock in LOCKS.items():
        uv.compile(f"requirements/{name}.in", lock, options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.lock", description="Update the lock files.")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="packages to upgrade")
    parser.add_argument("--upgrade", action="store_true", help="upgrade every package")
    options = parser.parse_args(arguments)
    try:
        update(Path(__file__).resolve().parent.parent, options.packages, upgrade=options.upgrade)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
