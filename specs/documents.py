"""The published files, and whether they are up to date."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

from specs import asyncapi, openapi
from specs.schemas import Json
from specs.version import VERSION

ROOT = Path(__file__).parents[1]


@functools.cache
def documents() -> Mapping[str, str]:
    """Return the text of every published file by its path. The text is the same on every machine."""
    http = openapi.document(VERSION)
    return {
        "docs/openapi.json": _readable(http),
        "docs/asyncapi.json": _readable(asyncapi.document(VERSION)),
        "docs/schemas.json": _readable(asyncapi.frames()),
        # GET /openapi.json serves this one.
        "chalicelib/openapi.json": json.dumps(http, ensure_ascii=False, separators=(",", ":")),
    }


def outdated(root: Path = ROOT) -> list[str]:
    """Return the paths of the files that do not match the code."""
    return [path for path, text in documents().items() if not _is(root / path, text)]


def write(root: Path = ROOT) -> list[str]:
    """Write the files that do not match the code, and return their paths."""
    changed = outdated(root)
    for path in changed:
        (root / path).write_text(documents()[path], encoding="utf-8")
    return changed


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


def _readable(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
