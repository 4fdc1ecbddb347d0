"""The interpreter of a build: the running one, or one of the stage's version from PATH or pyenv."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from infra.errors import InfraError
from infra.interpreters import Interpreter, find_interpreter
from infra.runtime import Runtime, runtime_for

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = Runtime("3.13" if HERE != "3.13" else "3.12", "arm64")
MAGIC = "cb0d0d0a"


def program(path: Path, python: str, *, works: bool = True) -> Path:
    """Write a program that answers the probe like a Python of this version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = f"printf '{path}\\n{python}\\n{MAGIC}\\n'" if works else "echo 'pyenv: not installed' >&2; exit 127"
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return path


def find(tmp_path: Path, runtime: Runtime = OTHER) -> Interpreter:
    return find_interpreter(runtime, {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)})


def test_running_interpreter_builds_for_its_own_version(tmp_path: Path) -> None:
    assert find(tmp_path, runtime_for(None, "arm64")) == Interpreter(sys.executable, importlib.util.MAGIC_NUMBER)


def test_interpreter_is_found_in_the_path(tmp_path: Path) -> None:
    path = program(tmp_path / "bin" / OTHER.name, OTHER.python)
    assert find(tmp_path) == Interpreter(str(path), bytes.fromhex(MAGIC))


def test_shim_without_a_python_is_passed_over_for_the_newest_of_pyenv(tmp_path: Path) -> None:
    program(tmp_path / "bin" / OTHER.name, OTHER.python, works=False)
    versions = tmp_path / ".pyenv" / "versions"
    for patch in ("9", "10"):
        program(versions / f"{OTHER.python}.{patch}" / "bin" / "python", OTHER.python)
    assert find(tmp_path).path == str(versions / f"{OTHER.python}.10" / "bin" / "python")


def test_program_of_another_version_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "bin" / OTHER.name, "3.9")
    with pytest.raises(InfraError):
        find(tmp_path)


def test_missing_interpreter_stops_the_build_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InfraError) as caught:
        find(tmp_path)
    assert f"only Python {OTHER.python} can build for it, but there is none in PATH or pyenv" in str(caught.value)
    assert f"pyenv install {OTHER.python}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "is_warned"), [("python3.11", True), ("python3.12", False), ("python3.14", False)]
)
def test_runtime_before_python_3_12_gets_a_warning(name: str, is_warned: bool) -> None:
    warning = runtime_for(name, "arm64").warning()  # type: ignore[arg-type]
    assert (warning is not None and "2027-06-30" in warning) == is_warned


@pytest.mark.parametrize(("python", "glibc"), [("3.11", (2, 26)), ("3.12", (2, 34)), ("3.14", (2, 34))])
def test_runtime_has_the_c_library_of_its_operating_system(python: str, glibc: tuple[int, int]) -> None:
    assert Runtime(python, "arm64").glibc == glibc
