"""Adapters: each makes one client a program that the conformance suite drives by lines."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PYTHON, JAVASCRIPT = "python", "javascript"
TABS = {PYTHON: 1, JAVASCRIPT: 2}
"""How many tabs of a client can share a storage."""


def command(name: str, directory: Path) -> list[str]:
    """Return the command of the adapter of a client; a program that must be built is built in a directory."""
    if name == PYTHON:
        path = f"PYTHONPATH={ROOT / 'clients' / 'python' / 'src'}{os.pathsep}{ROOT}"
        return ["env", path, sys.executable, str(Path(__file__).with_name("python_client.py"))]
    from tests.clients.js.node_tests import build, bundle, node

    target = directory / "javascript_client.mjs"
    if not target.exists():
        build(directory / "dist")
        bundle(Path(__file__).with_name("javascript_client.ts"), target)
    return ["env", f"CHAT_CLIENT={directory / 'dist'}", str(node()), str(target)]
