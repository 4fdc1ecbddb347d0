"""The package of the client has the version of the server."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.version import Version

from scripts.client_reference import TARGET, reference

ROOT = Path(__file__).resolve().parents[3]


def project(path: str) -> dict[str, object]:
    return dict(tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"])


def test_client_has_the_version_of_the_server() -> None:
    assert project("clients/python/pyproject.toml")["version"] == project("pyproject.toml")["version"]


def test_reference_is_that_of_the_docstrings() -> None:
    assert TARGET.read_text("utf-8") == reference(), "run `python -m scripts.client_reference`"


def test_dependencies_are_among_the_locked_ones() -> None:
    described = project("clients/python/pyproject.toml")
    dependencies, extras = described["dependencies"], described["optional-dependencies"]
    assert isinstance(dependencies, list)
    assert isinstance(extras, dict)
    locked = (ROOT / "requirements" / "test.txt").read_text(encoding="utf-8")
    for dependency in [*dependencies, *extras["tui"]]:
        name, _, lowest = dependency.partition(">=")
        found = re.search(rf"^{name}==(\S+)", locked, re.MULTILINE)
        assert found is not None, f"{name} is not in requirements/test.in"
        assert Version(found[1]) >= Version(lowest)
