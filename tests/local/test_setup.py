"""`make setup`: environments are installed once, left alone while nothing changes, and repaired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import browser, lock, setup, uv
from scripts.setup import Environment, environments, is_ready, set_up
from scripts.uv import SetupError, Uv
from tests.local.instance import ROOT

FIND_PYTHON = ROOT / "scripts" / "find-python.sh"
RUN = [".venv"]
ALL = [".venv", ".venv-lint", ".venv-lambda", ".venv-ministack"]


class FakeInstaller:
    """A fake of venv, pip and uv: the interpreters are shell scripts, and a lock file is one package."""

    def __init__(self, python: str = setup.this_interpreter()) -> None:
        self.python = python
        self.created: list[str] = []
        self.installed: list[str] = []
        self.failure: BaseException | None = None

    def __call__(self, command: Sequence[str], log: Path) -> None:
        del log
        if "venv" in command:
            self._create(Path(command[-1]))
        elif "sync" in command:
            self._sync(Path(command[command.index("--python") + 1]).parent.parent, Path(command[-1]))
        elif "install" in command:
            Path(command[0]).with_name("uv").touch()

    def _create(self, environment: Path) -> None:
        assert not environment.exists()
        self.created.append(environment.name)
        (environment / "lib" / "python3" / "site-packages").mkdir(parents=True)
        (environment / "bin").mkdir()
        python = environment / "bin" / "python"
        python.write_text(f"#!/bin/sh\necho '{self.python}'\n", encoding="utf-8")
        python.chmod(0o755)

    def _sync(self, environment: Path, lock_file: Path) -> None:
        if self.failure is not None:
            raise self.failure
        self.installed.append(lock_file.name)
        site_packages = environment / "lib" / "python3" / "site-packages"
        for package in site_packages.glob("*.dist-info"):
            package.rmdir()
        (site_packages / f"{lock_file.read_text(encoding='utf-8').strip()}.dist-info").mkdir()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    for path in lock.LOCKS.values():
        (root / path).write_text(f"{Path(path).stem}-1\n", encoding="utf-8")
    return root


@pytest.fixture
def installer() -> FakeInstaller:
    return FakeInstaller()


def ready(root: Path, level: str = "run", *, same_python: bool = False) -> list[bool]:
    return [is_ready(environment, same_python=same_python) for environment in environments(root, level)]


def prepare(root: Path, installer: FakeInstaller, level: str = "run", *, same_python: bool = False) -> None:
    set_up(Uv(root, installer), level, same_python=same_python)


def test_environments_are_created_and_filled(checkout: Path, installer: FakeInstaller) -> None:
    assert ready(checkout) == [False]
    prepare(checkout, installer)
    assert ready(checkout) == [True]
    assert installer.created == [".venv-uv", *RUN]
    assert installer.installed == ["run.txt"]


def test_tests_need_more_than_a_run(checkout: Path, installer: FakeInstaller) -> None:
    prepare(checkout, installer, "run")
    assert ready(checkout, "test") == [False] * 4
    prepare(checkout, installer, "test")
    assert ready(checkout, "test") == [True] * 4
    assert ready(checkout, "run") == [True]
    assert installer.created == [".venv-uv", *ALL]
    assert installer.installed == ["run.txt", "test.txt", "lint.txt", "lambda.txt", "ministack.txt"]


def test_ready_environments_are_left_alone(checkout: Path, installer: FakeInstaller) -> None:
    prepare(checkout, installer, "test")
    untouched = FakeInstaller()
    prepare(checkout, untouched, "test")
    prepare(checkout, untouched, "run")
    assert untouched.created == untouched.installed == []


def test_changed_lock_is_installed_in_place_and_concerns_its_environment_only(
    checkout: Path, installer: FakeInstaller
) -> None:
    prepare(checkout, installer, "test")
    (checkout / "requirements" / "lint.txt").write_text("lint-2\n", encoding="utf-8")
    assert ready(checkout, "test") == [True, False, True, True]
    prepare(checkout, installer, "test")
    assert ready(checkout, "test") == [True] * 4
    assert installer.created == [".venv-uv", *ALL]
    assert installer.installed == ["test.txt", "lint.txt", "lambda.txt", "ministack.txt", "lint.txt"]


def test_changed_version_of_uv_is_installed_before_the_next_environment(
    checkout: Path, installer: FakeInstaller
) -> None:
    prepare(checkout, installer)
    for name in ("uv", "run"):
        (checkout / "requirements" / f"{name}.txt").write_text(f"{name}-2\n", encoding="utf-8")
    prepare(checkout, installer)
    assert installer.created == [".venv-uv", *RUN, ".venv-uv"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), SetupError("no network")], ids=["interrupted", "failed"])
def test_incomplete_installation_is_made_anew(
    checkout: Path, installer: FakeInstaller, failure: BaseException
) -> None:
    prepare(checkout, installer)
    (checkout / "requirements" / "run.txt").write_text("run-2\n", encoding="utf-8")
    installer.failure = failure
    with pytest.raises(type(failure)):
        prepare(checkout, installer)
    assert ready(checkout) == [False]
    installer.failure = None
    prepare(checkout, installer)
    assert ready(checkout) == [True]
    assert installer.created == [".venv-uv", *RUN, ".venv"]


def test_missing_command_of_the_client_is_noticed_and_added_again(
    checkout: Path, installer: FakeInstaller
) -> None:
    prepare(checkout, installer)
    command = checkout / ".venv" / "bin" / "chat"
    assert subprocess.check_output([command, "--version"], text=True).strip() == installer.python
    [added] = (checkout / ".venv").glob("lib/python3/site-packages/*.pth")
    assert added.read_text("utf-8") == f"{checkout / 'clients' / 'python' / 'src'}\n"
    command.unlink()
    assert ready(checkout) == [False]
    prepare(checkout, installer)
    assert ready(checkout) == [True]


def test_missing_package_is_noticed(checkout: Path, installer: FakeInstaller) -> None:
    prepare(checkout, installer)
    (checkout / ".venv/lib/python3/site-packages/run-1.dist-info").rmdir()
    assert ready(checkout) == [False]


@pytest.mark.parametrize("stamp", ["", "{", "[]", "{}"])
def test_damaged_stamp_counts_as_none(checkout: Path, installer: FakeInstaller, stamp: str) -> None:
    prepare(checkout, installer)
    (checkout / ".venv" / setup.STAMP).write_text(stamp, encoding="utf-8")
    assert ready(checkout) == [False]


@pytest.mark.parametrize("python", ["exit 1", "exec /a/python/that/was/removed"])
def test_environment_whose_python_does_not_work_is_made_anew(
    checkout: Path, installer: FakeInstaller, python: str
) -> None:
    prepare(checkout, installer)
    (checkout / ".venv" / "bin" / "python").write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
    assert ready(checkout) == [False]
    prepare(checkout, installer)
    assert ready(checkout) == [True]
    assert installer.created == [".venv-uv", *RUN, ".venv"]


def test_environments_copied_with_the_checkout_are_made_anew(
    checkout: Path, installer: FakeInstaller, tmp_path: Path
) -> None:
    prepare(checkout, installer)
    copy = tmp_path / "copy"
    shutil.copytree(checkout, copy)
    assert ready(copy) == [False]
    again = FakeInstaller()
    prepare(copy, again)
    assert ready(copy) == [True]
    assert again.created == [".venv-uv", *RUN]


def test_linked_environment_is_replaced_and_its_original_kept(
    checkout: Path, installer: FakeInstaller, tmp_path: Path
) -> None:
    original = tmp_path / "original"
    original.mkdir()
    (checkout / ".venv").symlink_to(original)
    prepare(checkout, installer)
    assert ready(checkout) == [True]
    assert original.exists()
    assert not (checkout / ".venv").is_symlink()


def test_environment_of_another_python_is_made_anew_only_if_a_python_is_named(
    checkout: Path, installer: FakeInstaller
) -> None:
    prepare(checkout, FakeInstaller(python="/usr 3.99"))
    assert ready(checkout) == [True]
    assert ready(checkout, same_python=True) == [False]
    prepare(checkout, installer, same_python=True)
    assert ready(checkout, same_python=True) == [True]
    assert installer.created == RUN


def test_failed_command_is_reported_with_its_errors_and_without_addresses(tmp_path: Path) -> None:
    log = tmp_path / ".setup" / "venv.log"
    log.parent.mkdir()
    script = "echo Looking around; echo 'error: no answer from https://host.example/simple/pip at all'; exit 2"
    with pytest.raises(SetupError) as raised:
        uv.run_logged(["sh", "-c", script], log)
    message = str(raised.value)
    assert message.startswith("venv could not be installed:\n    error: no answer from (address) at all")
    assert "Looking around" not in message
    assert str(log) in message


def test_installers_use_the_index_of_pip_and_ignore_redirections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text("[global]\nindex-url = https://mirror.example/100%25/simple\n", encoding="utf-8")
    for name in uv.installer_variables().keys() & {"PIP_INDEX_URL", "UV_DEFAULT_INDEX"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    variables = uv.installer_variables()
    assert variables["UV_DEFAULT_INDEX"] == "https://mirror.example/100%25/simple"
    assert "PIP_TARGET" not in variables
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert uv.installer_variables()["UV_DEFAULT_INDEX"] == "https://other.example/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    assert uv.installer_variables()["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_python_without_venv_is_reported_with_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uv.bundled_pip().suffix == ".whl"
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SetupError, match="apt install python3-venv"):
        uv.bundled_pip()


def test_lock_files_are_updated_in_the_order_of_their_constraints(checkout: Path) -> None:
    commands: list[Sequence[str]] = []
    installer = FakeInstaller()

    def record(command: Sequence[str], log: Path) -> None:
        installer(command, log)
        commands.append(command)

    lock.update(checkout, ["chalice"], upgrade=False, run=record)
    compiled = [command for command in commands if "compile" in command]
    assert [command[-1] for command in compiled] == list(lock.LOCKS.values())
    for command in compiled:
        assert "--generate-hashes" in command
        assert command[-5:-3] == ["--upgrade-package", "chalice"]


@pytest.mark.parametrize("environment", environments(ROOT, "test"), ids=lambda found: str(found.path.name))
def test_this_checkout_is_set_up(environment: Environment) -> None:
    stamp = json.loads(environment.stamp.read_text(encoding="utf-8"))
    assert stamp["lock"] == setup.digest(environment.locks[0]), "run make setup"


def find_python(tmp_path: Path, named: str = "", **programs: str) -> subprocess.CompletedProcess[str]:
    """Run the search in an empty directory, with these programs as the whole PATH."""
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


def test_first_working_python_that_is_new_enough_is_found(tmp_path: Path) -> None:
    programs = {"python3": "exit 1", "python3.13": "exit 127", "python3.12": "echo /here/python3.12"}
    done = find_python(tmp_path, **programs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "/here/python3.12\n", "")


def test_named_python_is_the_only_candidate(tmp_path: Path) -> None:
    done = find_python(tmp_path, "old", old="[ $1 = --version ] && echo Python 3.8.1; exit 1", python3="exit 0")
    assert done.returncode == 1
    assert "PYTHON=old is not Python 3.11 or newer; its version: Python 3.8.1" in done.stderr
    assert find_python(tmp_path, sys.executable).stdout == f"{sys.executable}\n"


def test_missing_python_is_reported_with_how_to_install_it(tmp_path: Path) -> None:
    done = find_python(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs Python 3.11 or newer, and there is none in PATH" in done.stderr


def test_make_without_a_target_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    listed = subprocess.run(["make"], cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout
    for target in set(phony.split()[1:]) - {"help", "setup-run"}:
        assert f"make {target}" in listed


@pytest.mark.parametrize("program", ["chromium", "chromium-headless-shell", "google-chrome"])
def test_set_up_installs_no_second_chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.missing_packages()[0] == "chromium-headless-shell"
    (tmp_path / program).touch(0o755)
    assert not [package for package in browser.missing_packages() if "chromium" in package]
