"""The table of `docs/mutants.md`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence

from scripts.mutants.patches import ROOT, Mutant
from scripts.mutants.runner import Result, Verdict

REPORT = ROOT / "docs" / "mutants.md"
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \|.*\|$")


def update(results: Iterable[Result], mutants: Sequence[Mutant], commit: str) -> None:
    """Write new results into the table, with one row for each mutant. Other rows keep their result."""
    lines = REPORT.read_text("utf-8").splitlines()
    outcomes = {name: " | ".join(cells[3:5]) for name, cells in _rows(lines).items()}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    for result in results:
        outcome = f"`{result.detail}`" if result.verdict is Verdict.KILLED else result.verdict.value
        outcomes[result.mutant.name] = f"{outcome} | {today}, {commit}"
    table = [
        f"| `{mutant.name}` | {mutant.law} | {mutant.defect} | {outcomes.get(mutant.name, 'not run | -')} |"
        for mutant in mutants
    ]
    first = next(index for index, line in enumerate(lines) if line.startswith("| mutant |")) + 2
    rest = [line for line in lines[first:] if not _ROW.match(line)]
    REPORT.write_text("\n".join([*lines[:first], *table, *rest]) + "\n", "utf-8")


def killers() -> dict[str, str]:
    """Return the test that killed each mutant, by the name of the mutant; other outcomes are left out."""
    rows = _rows(REPORT.read_text("utf-8").splitlines())
    return {name: cells[3].strip("`") for name, cells in rows.items() if cells[3].startswith("`")}


def _rows(lines: Sequence[str]) -> dict[str, list[str]]:
    """Return the cells of each row, by the name of the mutant."""
    return {
        match[1]: [cell.strip() for cell in line[2:-2].split(" | ")]
        for line in lines
        if (match := _ROW.match(line))
    }
