"""Mutants as they are stored: `tests/mutants/NAME.patch`.

A patch begins with the header lines `Law:`, `Defect:` and one `Test:` for each test (a file or a node id) that may
kill the mutant. An empty line and a git diff follow.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = ROOT / "tests" / "mutants"
LAWS = (
    *("L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8", "L9", "contract", "erasure", "retention"),
    *("policy", "template", "packaging", "emulation"),
)
"""The groups of mutants, in the order of reports."""


class InvalidMutant(Exception):
    """A patch cannot be read, does not apply, does not yield valid code, or cannot be judged."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A patch that plants one defect, and the tests that may kill it."""

    path: Path
    law: str
    defect: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the file without its suffix."""
        return self.path.stem

    def by_tests_of(self, folder: str) -> Mutant:
        """Return the mutant with those of its tests only that are below a folder or in a file."""
        return replace(self, tests=tuple(test for test in self.tests if test.startswith(folder)))

    def save(self, diff: str) -> bool:
        """Write the file with another diff; return whether that changes it."""
        header = [f"Law: {self.law}", f"Defect: {self.defect}", *(f"Test: {test}" for test in self.tests)]
        text = "\n".join(header) + f"\n\n{diff}"
        changed = text != self.path.read_text("utf-8")
        self.path.write_text(text, "utf-8")
        return changed


def load(path: Path) -> Mutant:
    """Read a patch. Raises InvalidMutant if its header is incomplete."""
    header, separator, _ = path.read_text("utf-8").partition("\n\ndiff --git ")
    fields = [line.partition(": ") for line in header.splitlines()]
    values = {key: value for key, _, value in fields}
    if not separator or {*values} != {"Law", "Defect", "Test"} or values["Law"] not in LAWS:
        raise InvalidMutant(f"{path.name}: the header needs a Law ({', '.join(LAWS)}), a Defect and a Test")
    return Mutant(path, values["Law"], values["Defect"], tuple(value for key, _, value in fields if key == "Test"))


def load_all() -> list[Mutant]:
    """Read all patches, ordered by law and name."""
    mutants = [load(path) for path in sorted(MUTANTS.glob("*.patch"))]
    return sorted(mutants, key=lambda mutant: LAWS.index(mutant.law))


def require_applicable(mutant: Mutant) -> None:
    """Raise InvalidMutant if the patch does not apply to the files of this checkout."""
    command = ["git", "apply", "--check", str(mutant.path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InvalidMutant(f"{mutant.name} does not apply (try --refresh): {done.stderr.strip()}")
