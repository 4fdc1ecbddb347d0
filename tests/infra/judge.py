"""The results of AWS's SAM translator and cfn-lint for a template, from a subprocess, once per template."""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Sequence
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


def judge(template: Json, place: Path, beside: Sequence[Json] = ()) -> Verdict:
    """Return the results, computed unless another test process or an earlier run has done so.

    `beside` are templates of which the results will be needed, too: to load the tools and their schemas takes as
    long as a template.
    """
    place.mkdir(parents=True, exist_ok=True)
    texts = [json.dumps(each, sort_keys=True) for each in (template, *beside)]
    answers: dict[str, str] = {}
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _result(texts[0], place).exists():
            wanted = [text for text in dict.fromkeys(texts) if not _result(text, place).exists()]
            for text in wanted:

                def build(target: Path, text: str = text) -> None:
                    if not answers:
                        answers.update(_ask(wanted))
                    target.mkdir()
                    (target / "verdict.json").write_text(answers[text])

                BuildCache().build("verdict", _SOURCES, _result(text, place), build, key=text)
    return Verdict(**json.loads((_result(texts[0], place) / "verdict.json").read_text()))


def _result(text: str, place: Path) -> Path:
    return place / hashlib.sha256(text.encode()).hexdigest()


def _ask(texts: Sequence[str]) -> dict[str, str]:
    assert PYTHON.exists(), f"{PYTHON} is missing: run make setup"
    program = str(Path(__file__).with_name("judge_program.py"))
    asked = f"[{','.join(texts)}]"
    done = subprocess.run([PYTHON, program], input=asked, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(texts, map(json.dumps, json.loads(done.stdout)), strict=True))
