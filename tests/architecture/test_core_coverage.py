"""The gate for the coverage of the core fails if it must. `make test-all` runs it on all tests of the core."""

from __future__ import annotations

from scripts.core_coverage import FULL, Gate, run

ONE_FILE = ("tests/unit/core/kernel/test_paging.py",)


def test_limit_is_at_least_98_percent() -> None:
    assert FULL.limit >= 98


def test_coverage_below_the_limit_fails() -> None:
    assert run(Gate(ONE_FILE, FULL.limit), processes=0) == 1


def test_failing_tests_fail_the_gate() -> None:
    assert run(Gate((*ONE_FILE, "tests/unit/core/no_such_file.py"), limit=0.0), processes=0) != 0
