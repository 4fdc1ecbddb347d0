"""Collects the tests of node:test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.js.node_tests import NodeFile


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> NodeFile | None:
    """Return a collector for `x.test.ts`."""
    if file_path.name.endswith(".test.ts"):
        return NodeFile.from_parent(parent, path=file_path)
    return None
