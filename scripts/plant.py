"""Plants known defects into a copy of the tree, one at a time, and looks whether the tests catch them.

    .venv/bin/python scripts/plant.py                     all of them; takes long
    .venv/bin/python scripts/plant.py NAME…               some
    .venv/bin/python scripts/plant.py --list              what there is
    .venv/bin/python scripts/plant.py --write [NAME…]     and write into docs/planted-defects.md what caught them
    .venv/bin/python scripts/plant.py --random [NAME…]    with the random histories of the laws, instead

The defects stand in `planted_defects.toml`: what is wrong, which law it breaks, the change of the text, and the
tests that must fail. Those tests are run without any defect first. A defect counts as caught if a test fails that
passes without it; a test run that breaks down or takes too long catches nothing. The exit status says whether
all were caught. (Random histories need not catch all: some defects show only when a process dies, for one.)
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFECTS = ROOT / "scripts" / "planted_defects.toml"
REPORT = ROOT / "docs" / "planted-defects.md"
RANDOM = ("tests/invariants/test_random_histories.py",)
ENVIRONMENTS = (".venv", ".venv-store", ".venv-lint")
PATIENCE = 600
"""Seconds that the tests of one defect may take."""
_FAILED = re.compile(r"^FAILED (\S+::.+?)(?: - .*)?$", re.MULTILINE)
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \|.*\|$")


class CannotPlant(Exception):
    """A change does not fit the text that it is for."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One change: `old` must stand in the file exactly once."""

    file: str
    old: str
    new: str

    def planted(self, text: str) -> str:
        """The file's text with the defect. Raises CannotPlant."""
        if (count := text.count(self.old)) != 1:
            raise CannotPlant(f"{self.file} has {count} places like this, not one:\n{self.old}")
        planted = text.replace(self.old, self.new)
        compile(planted, self.file, "exec")
        return planted


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect that tests must catch."""

    name: str
    law: str
    what: str
    tests: tuple[str, ...]
    patches: tuple[Patch, ...]

    def texts(self, root: Path) -> dict[Path, str]:
        """The files that it changes, as they are with it. Raises CannotPlant."""
        texts: dict[Path, str] = {}
        for patch in self.patches:
            path = root / patch.file
            texts[path] = patch.planted(texts.get(path) or path.read_text("utf-8"))
        return texts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of running some tests."""

    failed: tuple[str, ...]
    broke_down: bool
    seconds: float
    output: str

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return not self.failed and not self.broke_down


def defects() -> list[Defect]:
    """All of them."""
    raw = tomllib.loads(DEFECTS.read_text("utf-8"))
    return [
        Defect(
            each["name"],
            each["law"],
            each["what"],
            tuple(each["tests"]),
            tuple(Patch(**patch) for patch in each["patch"]),
        )
        for each in raw["defect"]
    ]


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """A copy of everything that is or could be committed, with the environments of this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],  # noqa: S607 — the git of whoever runs this
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="planted-") as directory:
        copy = Path(directory)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        for name in ENVIRONMENTS:
            if (ROOT / name).exists():
                (copy / name).symlink_to(ROOT / name)
        yield copy


@contextmanager
def planted(defect: Defect, copy: Path) -> Iterator[None]:
    """The copy with a defect."""
    texts = defect.texts(copy)
    before = {path: path.read_text("utf-8") for path in texts}
    try:
        for path, text in texts.items():
            path.write_text(text, "utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, "utf-8")


def run_tests(copy: Path, tests: Sequence[str]) -> Outcome:
    """Run tests in a copy up to the first failure."""
    started = time.monotonic()
    command = [str(ROOT / ".venv/bin/python"), "-B", "-m", "pytest", "-x", "-q", "-rf", "-p", "no:cacheprovider"]
    try:
        ended = subprocess.run(  # noqa: S603 — our own tests
            [*command, *tests], cwd=copy, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome((), broke_down=True, seconds=PATIENCE, output=f"not finished after {PATIENCE} s")
    failed = tuple(_FAILED.findall(ended.stdout))
    broke_down = ended.returncode not in (0, 1) or (ended.returncode == 1 and not failed)
    return Outcome(failed, broke_down, time.monotonic() - started, ended.stdout + ended.stderr)


def plant(chosen: Sequence[Defect], tests: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Plant one after the other: its name, and which test caught it, if one did.

    `tests` are run instead of each one's own, if there are any. Tests that fail without a defect catch nothing.
    Raises CannotPlant.
    """
    sound: dict[tuple[str, ...], bool] = {}
    with copy_of_the_tree() as copy:
        for defect in chosen:
            defect.texts(copy)  # better to stumble over what no longer fits at once than after an hour
        for defect in chosen:
            where = tuple(tests or defect.tests)
            if where not in sound:
                sound[where] = run_tests(copy, where).passed
            if not sound[where]:
                say(f"{defect.name}: not planted, as these tests fail without it: {' '.join(where)}")
                yield defect.name, ""
                continue
            with planted(defect, copy):
                outcome = run_tests(copy, where)
            say(f"{defect.name}: {_verdict(outcome)} ({outcome.seconds:.0f} s)")
            yield defect.name, outcome.failed[0] if outcome.failed else ""


def _verdict(outcome: Outcome) -> str:
    if outcome.failed:
        return f"caught by {outcome.failed[0]}"
    return f"NOT CAUGHT, the run broke down:\n{outcome.output[-2000:]}" if outcome.broke_down else "NOT CAUGHT"


def write_report(caught: dict[str, str], *, by_random: bool) -> None:
    """Put what was caught into the report; what is not known from this run stays as it is."""
    lines = REPORT.read_text("utf-8").splitlines()
    cells = {match[1]: line.split("|") for line in lines if (match := _ROW.match(line))}
    table: list[str] = []
    for defect in defects():
        *_, own, random, _ = cells.get(defect.name, ["", "not run", "not run", ""])
        if defect.name in caught:
            test = caught[defect.name]
            own = own if by_random else f"`{test}`" if test else "nothing"
            random = random if not by_random else "yes" if test else "no"
        table.append(f"| `{defect.name}` | {defect.law} | {defect.what} | {own.strip()} | {random.strip()} |")
    first = next(index for index, line in enumerate(lines) if line.startswith("|---")) + 1
    rest = [line for line in lines[first:] if not _ROW.match(line)]
    REPORT.write_text("\n".join([*lines[:first], *table, *rest]) + "\n", "utf-8")


def say(text: str) -> None:
    """To whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description="Plant known defects and see whether the tests catch them.")
    parser.add_argument("names", nargs="*", help="which ones; all without any")
    parser.add_argument("--list", action="store_true", help="only say which ones there are")
    parser.add_argument("--write", action="store_true", help=f"write what caught them into {REPORT.name}")
    parser.add_argument(
        "--random", action="store_true", help="run the random histories instead of each one's tests"
    )
    options = parser.parse_args(arguments)
    known = {each.name: each for each in defects()}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no such defect: {', '.join(unknown)}")
    chosen = [known[name] for name in options.names or known]
    if options.list:
        for each in chosen:
            say(f"{each.name:44} {each.law:9} {each.what}")
        return 0
    caught: dict[str, str] = {}
    try:
        for name, test in plant(chosen, RANDOM if options.random else ()):
            caught[name] = test
            if options.write:
                write_report(caught, by_random=options.random)
    except CannotPlant as problem:
        say(str(problem))
        return 2
    missed = [name for name, test in caught.items() if not test]
    say(f"{len(caught) - len(missed)} of {len(caught)} were caught")
    say("".join(f"not caught: {name}\n" for name in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
