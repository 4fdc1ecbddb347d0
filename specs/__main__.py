"""`python -m specs [--check]`."""

from __future__ import annotations

import argparse
import sys

from specs import documents
from specs.errors import SpecsError


def main() -> int:
    """Write the documents, or list those that are out of date. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m specs", description="Write the published documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if they are out of date")
    check = parser.parse_args().check
    try:
        changed = documents.outdated() if check else documents.write()
    except SpecsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in changed:
        sys.stdout.write(f"{path} is {'out of date: run python -m specs' if check else 'written'}\n")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
