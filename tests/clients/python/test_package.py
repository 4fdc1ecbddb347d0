"""The package of the client has the version of the server."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def project(path: str) -> dict[str, object]:
    return dict(tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"])


def test_client_has_the_version_of_the_server() -> None:
    assert project("clients/python/pyproject.toml")["version"] == project("pyproject.toml")["version"]
