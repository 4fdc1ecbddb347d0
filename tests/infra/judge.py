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

Json = dict[str, Any]
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
    """Ask, or take what another test process was told on the same template."""
    text = json.dumps(template, sort_keys=True)
    place.mkdir(parents=True, exist_ok=True)
    known = place / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    with known.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            assert PYTHON.exists(), f"{PYTHON} is missing: run make setup"
            program = str(Path(__file__).with_name("judge_program.py"))
            done = subprocess.run(
                [PYTHON, program], input=text, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, done.stderr
            known.write_text(done.stdout)
    return Verdict(**json.loads(known.read_text()))
