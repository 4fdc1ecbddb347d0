"""The Python client is tested with the lowest versions that its package allows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import lowest_versions
from scripts.lowest_versions import CLIENT, lowest, main
from scripts.other_python import SKIPPED

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_lower_bounds_become_exact_versions() -> None:
    text = """
[project]
requires-python = ">=3.10"
dependencies = ["httpx>=0.27", "websockets>=14"]
[project.optional-dependencies]
tui = ["textual>=8"]
"""
    assert lowest(text) == ("3.10", ["httpx==0.27", "websockets==14", "textual==8"])


@pytest.mark.parametrize("requirement", ["httpx", "httpx<1", "httpx>=0.27,<1"])
def test_other_bounds_than_lower_ones_are_no_versions(requirement: str) -> None:
    with pytest.raises(ValueError, match="httpx"):
        lowest(f'[project]\nrequires-python = ">=3.10"\ndependencies = ["{requirement}"]\n')


def test_bounds_of_the_client_are_tested() -> None:
    python, versions = lowest((CLIENT / "pyproject.toml").read_text("utf-8"))
    assert python == "3.10"
    assert {version.partition("==")[0] for version in versions} == {"httpx", "websockets", "textual"}


def test_client_is_tested_on_the_running_python_and_on_the_oldest() -> None:
    ran: list[tuple[str, list[str]]] = []

    def record(python: str, versions: list[str], _directory: Path) -> int:
        ran.append((python, versions))
        return 3

    assert main([RUNNING], record) == 3
    [(python, versions)] = ran
    assert python == sys.executable
    assert "websockets==14" in versions


def test_python_that_is_not_installed_is_skipped_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    def never(_python: str, _versions: list[str], _directory: Path) -> int:
        raise AssertionError

    assert main(["3.99"], never) == SKIPPED
    assert "SKIPPED: Python 3.99 is not installed" in capsys.readouterr().out


def test_left_out_files_exist() -> None:
    assert all((lowest_versions.TESTS / name).is_file() for name in lowest_versions.LEFT_OUT)
