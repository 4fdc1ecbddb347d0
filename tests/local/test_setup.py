"""`make setup`: prepared once, untouched while nothing changes, repaired when it is torn."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import setup
from scripts.setup import SetupError, environments, is_ready, prepare
from tests.local.instance import ROOT

FILES = (
    "requirements.txt",
    "requirements-local.txt",
    "requirements-dev.txt",
    "requirements-store.txt",
    "requirements-lint.txt",
    "requirements-lambda.txt",
    "requirements-ministack.txt",
)
FIND_PYTHON = ROOT / "scripts" / "find-python.sh"


class FakeTools:
    """Stands in for venv and pip: makes environments whose interpreter is a script, installs by name."""

    def __init__(self, python: str = setup.this_interpreter()) -> None:
        self.python = python
        self.made: list[str] = []
        self.installed: list[list[str]] = []
        self.failures = 0

    def __call__(self, command: Sequence[str], log: Path) -> bool:
        if "venv" in command:
            self._make(Path(command[-1]))
            assert ("--without-pip" in command) == (self.made[-1] != ".venv")
            return True
        if self.failures:
            self.failures -= 1
            with log.open("a", encoding="utf-8") as output:
                output.write("Looking around\nERROR: no answer from https://host.example/simple/pip at all\n")
            return False
        assert Path(command[0]).parent.parent.name == ".venv", "the one with pip"
        environment = Path(command[command.index("--python") + 1]).parent.parent
        files = [Path(part).name for part in command if part.endswith(".txt")]
        self.installed.append(files)
        for name in files:
            (environment / "lib" / "python3" / "site-packages" / f"{name}.dist-info").mkdir(exist_ok=True)
        return True

    def _make(self, environment: Path) -> None:
        self.made.append(environment.name)
        assert not environment.exists()
        (environment / "lib" / "python3" / "site-packages").mkdir(parents=True)
        (environment / "bin").mkdir()
        python = environment / "bin" / "python"
        python.write_text(f"#!/bin/sh\necho '{self.python}'\n", encoding="utf-8")
        python.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    for name in FILES:
        (root / name).write_text(f"{name}==1\n", encoding="utf-8")
    return root


def ready(root: Path, level: str = "run", *, same_python: bool = False) -> list[bool]:
    return [is_ready(each, same_python=same_python) for each in environments(root, level)]


def prepare_all(root: Path, tools: FakeTools, level: str = "run", *, same_python: bool = False) -> None:
    for each in environments(root, level):
        prepare(each, same_python=same_python, run=tools)


def test_both_environments_are_made_and_filled(checkout: Path) -> None:
    tools = FakeTools()
    assert ready(checkout) == [False, False]
    prepare_all(checkout, tools)
    assert ready(checkout) == [True, True]
    assert tools.made == [".venv", ".venv-store"]
    (each,) = zip(*sorted(tools.installed), strict=True)
    assert each == ("requirements-local.txt", "requirements-store.txt", "requirements.txt")


@pytest.mark.parametrize("environment", environments(ROOT, "test"), ids=lambda each: str(each.path.name))
def test_the_files_list_all_that_their_packages_need(environment: setup.Environment) -> None:
    paths = [str(path) for path in environment.path.glob("lib/python*/site-packages")]
    found = {canonicalize_name(each.name): each for each in distributions(path=paths)}
    assert found
    for each in found.values():
        for needed in map(Requirement, each.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                there = found.get(canonicalize_name(needed.name))
                assert there is not None, f"{each.name} needs {needed}, which is in no file"
                assert needed.specifier.contains(there.version, prereleases=True), f"{each.name} needs {needed}"


def test_what_tests_need_is_more_than_what_a_run_needs(checkout: Path) -> None:
    tools = FakeTools()
    prepare_all(checkout, tools, "run")
    assert ready(checkout, "test") == [False, True, False, False, False]
    prepare_all(checkout, tools, "test")
    assert ready(checkout, "test") == [True] * 5
    assert ready(checkout, "run") == [True, True]
    assert tools.made == [".venv", ".venv-store", ".venv-lint", ".venv-lambda", ".venv-ministack"]


def test_a_changed_file_is_installed_in_place_and_concerns_its_environment_only(checkout: Path) -> None:
    tools = FakeTools()
    prepare_all(checkout, tools)
    (checkout / "requirements-local.txt").write_text("requirements-local.txt==2\n", encoding="utf-8")
    assert ready(checkout) == [False, True]
    prepare_all(checkout, tools)
    assert ready(checkout) == [True, True]
    assert tools.made == [".venv", ".venv-store"]


def test_an_interrupted_installation_is_seen_and_completed(checkout: Path) -> None:
    prepare_all(checkout, FakeTools())

    def interrupted(_command: Sequence[str], _log: Path) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(environments(checkout, "test")[0], same_python=False, run=interrupted)
    assert ready(checkout) == [False, True]
    tools = FakeTools()
    prepare_all(checkout, tools)
    assert ready(checkout) == [True, True]
    assert tools.made == []


def test_a_package_that_is_gone_is_seen(checkout: Path) -> None:
    prepare_all(checkout, FakeTools())
    (checkout / ".venv/lib/python3/site-packages/requirements.txt.dist-info").rmdir()
    assert ready(checkout) == [False, True]


@pytest.mark.parametrize("stamp", ["", "{", "[]", "{}"])
def test_a_torn_stamp_counts_as_none(checkout: Path, stamp: str) -> None:
    prepare_all(checkout, FakeTools())
    (checkout / ".venv" / setup.STAMP).write_text(stamp, encoding="utf-8")
    assert ready(checkout) == [False, True]


@pytest.mark.parametrize("python", ["exit 1", "exec /a/python/that/is/gone"])
def test_an_environment_whose_python_does_not_work_is_made_anew(checkout: Path, python: str) -> None:
    tools = FakeTools()
    prepare_all(checkout, tools)
    (checkout / ".venv" / "bin" / "python").write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
    assert ready(checkout) == [False, True]
    prepare(environments(checkout, "run")[0], same_python=False, run=tools)
    assert ready(checkout) == [True, True]
    assert tools.made == [".venv", ".venv-store", ".venv"]


def test_an_environment_that_was_copied_with_the_checkout_is_made_anew(checkout: Path, tmp_path: Path) -> None:
    prepare_all(checkout, FakeTools())
    copy = tmp_path / "copy"
    shutil.copytree(checkout, copy)
    assert ready(copy) == [False, False]
    tools = FakeTools()
    prepare_all(copy, tools)
    assert ready(copy) == [True, True]
    assert tools.made == [".venv", ".venv-store"]


def test_an_environment_of_another_python_is_made_anew_only_where_one_was_named(checkout: Path) -> None:
    prepare_all(checkout, FakeTools(python="/usr 3.99"))
    assert ready(checkout) == [True, True]
    assert ready(checkout, same_python=True) == [False, False]
    tools = FakeTools()
    prepare_all(checkout, tools, same_python=True)
    assert ready(checkout, same_python=True) == [True, True]
    assert tools.made == [".venv", ".venv-store"]


def test_an_installation_that_fails_in_place_is_tried_once_from_nothing(checkout: Path) -> None:
    tools = FakeTools()
    prepare_all(checkout, tools)
    tools.failures = 1
    prepare(environments(checkout, "test")[0], same_python=False, run=tools)
    assert ready(checkout, "test") == [True, True, False, False, False]
    assert tools.made == [".venv", ".venv-store", ".venv"]


def test_an_installation_that_fails_is_told_with_its_errors_and_without_addresses(checkout: Path) -> None:
    tools = FakeTools()
    tools.failures = 1
    with pytest.raises(SetupError) as told:
        prepare(environments(checkout, "run")[0], same_python=False, run=tools)
    text = str(told.value)
    assert text.startswith(".venv could not be filled:\n    ERROR: no answer from (address) at all")
    assert "Looking around" not in text
    assert ready(checkout) == [False, False]


def test_a_python_without_venv_is_told_which_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SetupError, match="apt install python3-venv"):
        setup.check_venv_module()


def find_python(tmp_path: Path, named: str = "", **programs: str) -> subprocess.CompletedProcess[str]:
    """Runs the search in an empty directory, with these programs as all that PATH has."""
    for name, script in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    return subprocess.run(
        [shell, FIND_PYTHON, named],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_python_that_is_new_enough_and_answers_is_found(tmp_path: Path) -> None:
    programs = {"python3": "exit 1", "python3.13": "exit 127", "python3.12": "echo /here/python3.12"}
    done = find_python(tmp_path, **programs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "/here/python3.12\n", "")


def test_a_named_python_is_the_only_one_considered(tmp_path: Path) -> None:
    done = find_python(tmp_path, "old", old="[ $1 = --version ] && echo Python 3.8.1; exit 1", python3="exit 0")
    assert done.returncode == 1
    assert "PYTHON=old is not a Python of version 3.11 or newer (it says: Python 3.8.1)" in done.stderr
    assert find_python(tmp_path, sys.executable).stdout == f"{sys.executable}\n"


def test_no_python_at_all_is_told_with_what_to_install(tmp_path: Path) -> None:
    done = find_python(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs Python 3.11 or newer, and none was found" in done.stderr


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    listed = subprocess.run(["make"], cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout
    for target in set(phony.split()[1:]) - {"help", "setup-run"}:
        assert f"make {target}" in listed
