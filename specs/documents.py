"""The files that are published, and whether they are up to date."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from specs import asyncapi, openapi
from specs.rules import Json

ROOT = Path(__file__).parents[1]


def documents() -> dict[str, str]:
    """Every published file's text, by its path from the root; the same bytes wherever it is made."""
    version = _version()
    http = openapi.document(version)
    return {
        "docs/openapi.json": _readable(http),
        "docs/asyncapi.json": _readable(asyncapi.document(version)),
        "docs/schemas.json": _readable(asyncapi.frames()),
        # What GET /openapi.json serves.
        "chalicelib/openapi.json": json.dumps(http, ensure_ascii=False, separators=(",", ":")),
    }


def outdated(root: Path = ROOT) -> list[str]:
    """The paths of those that are not what the code says."""
    return [path for path, text in documents().items() if not _is(root / path, text)]


def write(root: Path = ROOT) -> list[str]:
    """Write those that are not up to date; their paths."""
    changed = outdated(root)
    for path in changed:
        (root / path).write_text(documents()[path], encoding="utf-8")
    return changed


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


def _readable(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
