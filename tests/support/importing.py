"""The first import of the test modules, shared by the processes of a run (pytest-xdist).

In a new clone pytest rewrites the assertions of each module that it imports, which takes as long as all the rest
of the collection, and keeps the result beside the module. If all processes import the modules in the same order at
the same time, each of them rewrites all; so each imports a different part first, and finds the rest rewritten.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def share_of(paths: Sequence[Path], environment: Mapping[str, str]) -> Sequence[Path]:
    """Return the part of the modules that this process imports first; none if it is the only one."""
    worker, count = environment.get("PYTEST_XDIST_WORKER", ""), environment.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return paths[int(worker.removeprefix("gw")) :: int(count)] if worker else ()


def import_modules(paths: Sequence[Path], root: Path) -> None:
    """Import test modules; the collection reports those that cannot be imported."""
    for path in paths:
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.resolve().relative_to(root).with_suffix("").parts))
