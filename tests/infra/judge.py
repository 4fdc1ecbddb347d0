"""The results of AWS's SAM translator and cfn-lint for a template, from a subprocess, once per template."""

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
    """AWS's schema of a resource type."""

    permissions: dict[str, list[str]]
    """The permissions that CloudFormation's caller needs, by operation: create, read, update, delete, list."""
    properties: list[str]
    """The names of all properties, including nested ones."""


@dataclass(frozen=True)
class Verdict:
    """The results for one template."""

    findings: list[str]
    translation: Json
    findings_of_translation: list[str]
    kinds: dict[str, Kind]
    """AWS's schemas of the types in the translation."""


def judge(template: Json, place: Path) -> Verdict:
    """Return the results, computed unless another test process or an earlier run has done so."""
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
