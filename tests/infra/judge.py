"""What AWS's SAM translator and cfn-lint make of a template, asked in a process of their own, once for each."""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from tests.infra.checkouts import ROOT
from tests.support.build_cache import BuildCache

Json = dict[str, Any]
_SOURCES = ("tests/infra/judge_program.py", "requirements/lint.txt")
PYTHON = ROOT / ".venv-lint" / "bin" / "python"


class Kind(TypedDict):
    """A type of resource."""

    permissions: dict[str, list[str]]
    """What CloudFormation's caller has to be allowed, by what is done: create, read, update, delete, list."""
    properties: list[str]
    """The names of all properties, those within others included."""


@dataclass(frozen=True)
class Verdict:
    """On one template."""

    findings: list[str]
    translation: Json
    findings_of_translation: list[str]
    kinds: dict[str, Kind]
    """What AWS's schemas say of the types in the translation."""


def judge(template: Json, place: Path) -> Verdict:
    """Return the verdict on a template: a new one, or one of another test process or an earlier run."""
    text = json.dumps(template, sort_keys=True)
    place.mkdir(parents=True, exist_ok=True)
    known = place / hashlib.sha256(text.encode()).hexdigest()
    with known.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            BuildCache().build("verdict", _SOURCES, known, lambda target: _ask(text, target), key=text)
    return Verdict(**json.loads((known / "verdict.json").read_text()))


def _ask(text: str, target: Path) -> None:
    assert PYTHON.exists(), f"{PYTHON} is missing: run make setup"
    program = str(Path(__file__).with_name("judge_program.py"))
    done = subprocess.run([PYTHON, program], input=text, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    target.mkdir()
    (target / "verdict.json").write_text(done.stdout)
