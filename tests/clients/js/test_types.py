"""The JavaScript client and its tests have no type errors."""

from __future__ import annotations

import subprocess

from scripts.node import CLIENT
from tests.clients.js.node_tests import ROOT, node


def test_client_and_its_tests_have_no_type_errors() -> None:
    compiler = ROOT / CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
    command = [str(node()), str(compiler), "--noEmit", "-p", str(ROOT / CLIENT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
