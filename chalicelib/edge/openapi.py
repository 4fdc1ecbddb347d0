"""The published OpenAPI document, which `python -m specs` writes to `chalicelib/openapi.json`."""

from __future__ import annotations

import functools
from pathlib import Path

from chalicelib.core.kernel.ids import digest

DOCUMENT = Path(__file__).parents[1] / "openapi.json"


@functools.cache
def document() -> tuple[str, str]:
    """Return the entity tag (RFC 9110 section 8.8.3) and the text, which are read on first use."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return f'"{digest(text, 16)}"', text


def matches(if_none_match: str, tag: str) -> bool:
    """Return whether the header has the tag (RFC 9110 section 13.1.2: a list, compared weakly, or `*`)."""
    known = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return tag in known or known == ["*"]
