"""Throw-away worktrees in which mutants are applied and tests run."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.mutants.patches import ROOT, InvalidMutant, Mutant
from scripts.node import CLIENT, WEB, node_program

TIMEOUT = 600.0
"""Seconds that the tests of one mutant may take."""
_PYTHON = str(ROOT / ".venv/bin/python")
_ENVIRONMENTS = (
    *(".venv", ".venv-lint", ".venv-lambda", ".venv-ministack"),
    *("clients/js/node_modules", "web/node_modules"),
)
_BROWSER = "tests/browser/"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)
_UNKNOWN_NAME = re.compile(r"error: .*\[(?:name-defined|attr-defined|call-arg|import-not-found)\]$")
_IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "mutants"), ("EMAIL", "mutants@localhost"))
}


@dataclass(frozen=True, slots=True)
class PytestRun:
    """The outcome of a run of pytest. `crash` is its output if it ended without a result."""

    failed: tuple[str, ...]
    crash: str
    seconds: float


class Workspace:
    """A worktree in which mutants are applied one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mtimes = itertools.count(int(time.time()))
        for name in _ENVIRONMENTS:
            if (ROOT / name).exists():
                (path / name).symlink_to((ROOT / name).resolve())

    @contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[list[Path]]:
        """Apply a mutant and yield the files that it changes. Raises InvalidMutant."""
        _git("update-index", "-q", "--refresh", cwd=self._path)
        try:
            _git("apply", "--3way", str(mutant.path), cwd=self._path)
        except subprocess.CalledProcessError as error:
            _git("reset", "--hard", cwd=self._path)
            raise InvalidMutant(f"does not apply: {error.stderr.strip()}") from error
        changed = [self._path / name for name in _git("diff", "--name-only", "HEAD", cwd=self._path).splitlines()]
        try:
            self._touch(changed)
            yield changed
        finally:
            _git("reset", "--hard", cwd=self._path)
            self._touch(changed)

    def require_valid(self, changed: Sequence[Path]) -> None:
        """Parse the changed files, and look for names that do not exist. Raises InvalidMutant."""
        for path in changed:
            _require_readable(path)
        for project in (CLIENT, WEB):
            sources = self._path / project
            if any(path.suffix in (".ts", ".tsx") and path.is_relative_to(sources) for path in changed):
                self._require_types(project)
        packages = {path.relative_to(self._path).parts[0] for path in changed if path.suffix == ".py"}
        if not packages:
            return
        command = [_PYTHON, "-m", "mypy", "app.py", "chalicelib", *sorted(packages - {"app.py", "chalicelib"})]
        done = subprocess.run(  # noqa: S603
            command, cwd=self._path, capture_output=True, text=True, check=False
        )
        if unknown := [line for line in done.stdout.splitlines() if _UNKNOWN_NAME.search(line)]:
            raise InvalidMutant(f"refers to a name that does not exist: {unknown[0]}")

    def _require_types(self, project: Path) -> None:
        """Raise InvalidMutant if the JavaScript client or the web page does not compile."""
        node = node_program(self._path, project)
        if node is None:
            raise InvalidMutant("there is no Node.js: see `make setup`")
        compiler = self._path / project / "node_modules" / "typescript" / "bin" / "tsc"
        options = ["--noEmit", "--noUnusedLocals", "false", "--noUnusedParameters", "false"]
        command = [str(node), str(compiler), *options, "-p", str(self._path / project)]
        done = subprocess.run(command, cwd=self._path, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise InvalidMutant(f"does not compile: {done.stdout.splitlines()[0]}")

    def diff(self) -> str:
        """Return the change that is applied."""
        return _git("diff", "--no-color", "--no-ext-diff", "HEAD", cwd=self._path)

    def run_tests(self, *arguments: str) -> PytestRun:
        """Run pytest; of the end-to-end tests only those that run in development, and no random histories."""
        if any(argument.startswith(_BROWSER) for argument in arguments):
            self._build_page()
        started = time.monotonic()
        with subprocess.Popen(  # noqa: S603
            [_PYTHON, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "-m", "not laws", *arguments],
            cwd=self._path,
            env={**os.environ, "CHAT_E2E_TARGETS": "development"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                return PytestRun((), f"timed out after {TIMEOUT:.0f} s", TIMEOUT)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        failed = tuple(_FAILED.findall(output))
        crashed = process.returncode not in (0, 1) or (process.returncode == 1 and not failed)
        return PytestRun(failed, output[-2000:] if crashed else "", time.monotonic() - started)

    def _build_page(self) -> None:
        """Build the page as it is now. Raises InvalidMutant."""
        command = [_PYTHON, "-m", "scripts.web"]
        done = subprocess.run(command, cwd=self._path, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise InvalidMutant(f"does not compile: {done.stderr.strip()}")

    def _touch(self, paths: Sequence[Path]) -> None:
        # A .pyc file counts as current if size and modification time (in seconds) of its source are unchanged.
        for path in filter(Path.exists, paths):
            mtime = next(self._mtimes)
            os.utime(path, (mtime, mtime))


@contextmanager
def workspaces(count: int) -> Iterator[list[Workspace]]:
    """Yield new worktrees with the present files of this checkout, uncommitted changes included."""
    commit = _snapshot()
    with ExitStack() as stack:
        yield [Workspace(stack.enter_context(worktree(commit))) for _ in range(count)]


@contextmanager
def worktree(commit: str | None = None) -> Iterator[Path]:
    """Yield a new worktree of a commit, by default with the present files of this checkout."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = Path(directory) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit or _snapshot())
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _require_readable(path: Path) -> None:
    """Raise InvalidMutant for a Python or JSON file with a syntax error."""
    text = path.read_text("utf-8")
    try:
        if path.suffix == ".py":
            compile(text, path.name, "exec")
        elif path.suffix == ".json":
            json.loads(text)
    except (SyntaxError, ValueError) as error:
        raise InvalidMutant(f"does not compile: {error}") from error


def head_commit() -> str:
    """Return the abbreviated id of the present commit."""
    return _git("rev-parse", "--short", "HEAD").strip()


def _snapshot() -> str:
    """Commit all files that are not ignored, to no branch, and return the commit."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        index = {"GIT_INDEX_FILE": str(Path(directory) / "index")}
        _git("read-tree", "HEAD", environment=index)
        _git("add", "--all", environment=index)
        tree = _git("write-tree", environment=index).strip()
    return _git("commit-tree", tree, "-p", "HEAD", "-m", "Snapshot", environment=_IDENTITY).strip()


def _git(*arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    """Run git and return its output. Raises CalledProcessError."""
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
