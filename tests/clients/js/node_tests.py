"""Tests of node:test as items of pytest: `test("a name")` in `x.test.ts` is `x.test.ts::test_a_name`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.node import CLIENT, node_program

ROOT = Path(__file__).resolve().parents[3]
NO_NODE = "there is no Node.js with the packages of clients/js: see `make setup`"
TIMEOUT = 1_200.0
"""Seconds that the tests of a file may take on a busy machine, with all schedules of `make test-all`."""
_NAME = re.compile(r'^test\("([^"]+)"', re.MULTILINE)
REPORTER = Path(__file__).with_name("reporter.mjs")


def node() -> Path:
    """Return Node. Skips the test where there is none."""
    found = node_program(ROOT)
    if found is None:
        pytest.skip(NO_NODE)
    return found


def bundle(source: Path, target: Path) -> None:
    """Compile a TypeScript file and what it imports into one module. Raises AssertionError with the errors."""
    esbuild = ROOT / CLIENT / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--platform=node", "--format=esm", "--sourcemap=inline", "--log-level=error"]
    command = [str(node()), str(esbuild), str(source), *options, f"--outfile={target}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def build(target: Path) -> None:
    """Build the client as its package has it, without types."""
    command = [str(node()), str(ROOT / CLIENT / "build.mjs"), str(target), "--no-types"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)


def read_results(output: str) -> dict[str, str | None]:
    """Return the problem of each test that the reporter has written, or None if it passed."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"name"')]
    return {line["name"]: line["problem"] for line in lines}


class NodeFile(pytest.File):
    """A file of tests, which one process runs when the first of them is needed."""

    results: dict[str, str | None] | None = None
    """By the name of the test: the problem, or None if it passed."""

    def collect(self) -> Iterator[NodeTest]:
        """Yield the tests whose names are literals at the beginning of a line."""
        for name, title in titles(self.path).items():
            yield NodeTest.from_parent(self, name=name, title=title)

    def run(self, directory: Path) -> dict[str, str | None]:
        """Run all tests once, and return their problems."""
        if self.results is None:
            target = directory / f"{self.path.stem}.mjs"
            bundle(self.path, target)
            options = [
                "--enable-source-maps",
                f"--test-reporter={REPORTER}",
                "--test-reporter-destination=stdout",
            ]
            done = subprocess.run(
                [str(node()), *options, str(target)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT,
            )
            self.results = read_results(done.stdout)
            if not self.results:
                raise NodeFailure(done.stdout + done.stderr)
        return self.results


class NodeTest(pytest.Item):
    """One test."""

    def __init__(self, *, title: str, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # those of pytest
        self.title = title

    def runtest(self) -> None:
        """Raise NodeFailure if the test failed, or if there is no result for it."""
        assert isinstance(self.parent, NodeFile)
        directory = self.config._tmp_path_factory.mktemp("node")  # type: ignore[attr-defined]
        problem = self.parent.run(directory).get(self.title, "the test did not run")
        if problem is not None:
            raise NodeFailure(problem)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return the message of a failed test as it is."""
        if isinstance(excinfo.value, NodeFailure):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the place of the test for reports."""
        return self.path, None, self.name


class NodeFailure(Exception):
    """A failed test of node:test; the message is its stack."""


def titles(path: Path) -> dict[str, str]:
    """Return the titles of the tests of a file, by their names in pytest."""
    found = _NAME.findall(path.read_text(encoding="utf-8"))
    return {"test_" + re.sub(r"\W+", "_", title): title for title in found}
