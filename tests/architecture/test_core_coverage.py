"""The unit tests of the core reach the coverage that they have reached before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.core_coverage import UNIT, run

KERNEL = replace(UNIT, tests=("tests/unit/core/kernel",))


def test_unit_tests_reach_their_limit(capfd: pytest.CaptureFixture[str]) -> None:
    status = run(UNIT, processes=0)
    assert status == 0, capfd.readouterr().out


def test_coverage_below_the_limit_fails() -> None:
    assert run(KERNEL, processes=0) == 1


def test_failing_tests_fail_the_gate() -> None:
    assert run(replace(KERNEL, tests=("tests/unit/core/no_such_file.py",), limit=0.0), processes=0) != 0
