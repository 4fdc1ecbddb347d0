"""`make test-all` runs each part once for each state of the checkout, and reports on all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.other_python import main
from scripts.test_all import Results, current_state, run_part, run_parts
from scripts.test_all_parts import PARTS, Part, Share
from tests.local.instance import ROOT

COUNT = "open('{0}', 'a').write('x')"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "file").write_text("1", encoding="utf-8")
    (root / ".gitignore").write_text("/build/\n", encoding="utf-8")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "."],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture
def results(checkout: Path) -> Results:
    return Results(checkout / "build")


def counting(tmp_path: Path, name: str = "counted", then: str = "") -> Part:
    """Return a part that counts its runs in a file, and then does something else."""
    return Part(name, "Counts", ("-c", f"{COUNT.format(tmp_path / name)}; {then}"))


def runs(tmp_path: Path, name: str = "counted") -> int:
    path = tmp_path / name
    return len(path.read_text()) if path.exists() else 0


def run(checkout: Path, results: Results, parts: Sequence[Part], *, again: bool = False) -> bool:
    return run_parts(parts, parts, checkout, results, again=again)


def test_passed_part_is_skipped_until_a_file_changes(checkout: Path, results: Results, tmp_path: Path) -> None:
    part = counting(tmp_path)
    assert run(checkout, results, [part])
    assert run(checkout, Results(results.directory), [part])
    assert runs(tmp_path) == 1
    (checkout / "file").write_text("2", encoding="utf-8")
    assert run(checkout, Results(results.directory), [part])
    assert runs(tmp_path) == 2
    assert run(checkout, Results(results.directory), [part], again=True)
    assert runs(tmp_path) == 3


def test_failed_part_is_repeated_and_does_not_stop_the_others(
    checkout: Path, results: Results, tmp_path: Path
) -> None:
    parts = [counting(tmp_path, "failing", "raise SystemExit(3)"), counting(tmp_path, "passing")]
    assert not run(checkout, results, parts)
    assert not run(checkout, results, parts)
    assert (runs(tmp_path, "failing"), runs(tmp_path, "passing")) == (2, 1)


def test_skipped_part_is_reported_with_its_reason(
    checkout: Path, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    part = Part("other", "Another Python", ("-c", "print('SKIPPED: not installed'); raise SystemExit(77)"))
    assert run(checkout, results, [part])
    assert "SKIPPED: not installed" in capsys.readouterr().out
    assert "| `other` | Another Python | skipped |" in (results.directory / "report.md").read_text()
    assert not results.passed(part, current_state(checkout)), "it runs again when the Python is installed"


def test_suite_on_a_missing_or_the_running_python_is_skipped() -> None:
    def never(_: str, __: Path) -> int:
        raise AssertionError

    this = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert main([this], never) == main(["3.99"], never) == 77


def test_suite_on_another_python_runs_in_a_worktree_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python3.98"
    program.write_text(f"#!/bin/sh\nprintf '{program}\\n3.98\\n00000000\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    ran: list[tuple[str, Path]] = []

    def record(python: str, checkout: Path) -> int:
        assert (checkout / "Makefile").exists() and checkout != ROOT
        ran.append((python, checkout))
        return 3

    assert main(["3.98"], record) == 3
    ((python, checkout),) = ran
    assert python == str(program) and not checkout.exists()


def test_interrupted_run_continues_with_the_missing_part(checkout: Path, results: Results, tmp_path: Path) -> None:
    parts = [counting(tmp_path, "first"), counting(tmp_path, "second")]

    def interrupted_at_the_second(part: Part, root: Path, log: Path) -> tuple[str, float]:
        if part.name == "second":
            raise KeyboardInterrupt
        return run_part(part, root, log)

    with pytest.raises(KeyboardInterrupt):
        run_parts(parts, parts, checkout, results, again=False, run=interrupted_at_the_second)
    assert run(checkout, Results(results.directory), parts)
    assert (runs(tmp_path, "first"), runs(tmp_path, "second")) == (1, 1)


def test_part_that_takes_too_long_is_ended_with_its_processes(checkout: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    child = f"import time; file = open({str(pipe)!r}, 'w'); time.sleep(60)"
    part = Part(
        "slow", "Sleeps", ("-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    )
    result, _ = run_part(part, checkout, tmp_path / "log", limit=1)
    assert result == "timed out"
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "the pipe is closed, as all its writers have ended"
    os.close(reader)


def test_changes_during_a_part_invalidate_its_result(checkout: Path, results: Results, tmp_path: Path) -> None:
    part = counting(tmp_path, then="open('file', 'a').write('x')")
    assert not run(checkout, results, [part])
    assert results.outcomes["counted"].result == "passed, but files changed"


def test_state_contains_uncommitted_and_new_files_but_not_ignored_ones(checkout: Path) -> None:
    committed = current_state(checkout)
    assert "with changes" not in committed.commit
    (checkout / "build").mkdir()
    (checkout / "build" / "ignored").touch()
    assert current_state(checkout) == committed
    (checkout / "new").touch()
    assert current_state(checkout).tree != committed.tree
    assert current_state(checkout).commit == f"{committed.commit} with changes"
    assert subprocess.run(["git", "diff", "--cached", "--quiet"], cwd=checkout, check=False).returncode == 0


def test_report_shows_every_part_and_results_for_other_states(
    checkout: Path, results: Results, tmp_path: Path
) -> None:
    parts = [
        counting(tmp_path, "old"),
        counting(tmp_path, "failing", "raise SystemExit(1)"),
        counting(tmp_path, "new"),
    ]
    run_parts(parts, parts[:1], checkout, results, again=False)
    (checkout / "file").write_text("2", encoding="utf-8")
    run_parts(parts, parts[1:2], checkout, results, again=False)
    commit = current_state(checkout).commit
    rows = [line for line in (results.directory / "report.md").read_text().splitlines() if line.startswith("| `")]
    assert rows[0].startswith("| `old` | Counts | passed, another state | 0:0")
    assert rows[1].startswith("| `failing` | Counts | failed | 0:0")
    assert f" | {commit} | " in rows[1]
    assert rows[2] == "| `new` | Counts | not run | - | - | - |"


def test_shares_contain_every_file_once(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.patch").touch()
    shares = [Share("*.patch", first, 3, names_only=True).arguments(tmp_path) for first in range(3)]
    assert shares == [["a", "d"], ["b", "e"], ["c"]]
    assert Share("*.patch", 2, 3).arguments(tmp_path) == ["c.patch"]


def test_parts_run_every_mutant_once() -> None:
    shares = [part.files.arguments(ROOT) for part in PARTS if part.files and part.name.startswith("mutants-")]
    names = [name for share in shares for name in share]
    assert sorted(names) == sorted(path.stem for path in (ROOT / "tests" / "mutants").glob("*.patch"))
    assert max(map(len, shares)) <= min(map(len, shares)) + 1


def test_names_of_parts_are_unique_and_their_files_exist() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)
    for part in PARTS:
        named = [argument for argument in part.command if argument.startswith("tests/")]
        assert all((ROOT / path).exists() for path in named), part.name
        assert part.files is None or part.files.arguments(ROOT), part.name
        if part.command[0] == "-m" and part.command[1].startswith("scripts."):
            path = ROOT / part.command[1].replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").exists(), part.name


def test_variables_of_parts_are_read_by_tests() -> None:
    files = [path for kind in ("*.py", "*.ts") for path in (ROOT / "tests").rglob(kind) if path != Path(__file__)]
    read = "".join(path.read_text(encoding="utf-8") for path in files)
    names = {name for part in PARTS for name in part.variables}
    assert [name for name in sorted(names) if f'"{name}"' not in read and f".{name}" not in read] == []
