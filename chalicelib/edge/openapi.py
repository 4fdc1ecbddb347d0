"""The published OpenAPI document, as it is served: `openapi.json` beside `app.py`'s package, made by `specs`."""

from __future__ import annotations

import functools
from pathlib import Path

from chalicelib.core.kernel.ids import digest

DOCUMENT = Path(__file__).parents[1] / "openapi.json"


@functools.cache
def document() -> tuple[str, str]:
    """Its entity tag (RFC 9110 §8.8.3) and its text, read at the first request for it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return f'"{digest(text, 16)}"', text


def is_known(if_none_match: str, tag: str) -> bool:
    """Whether the client has it already (RFC 9110 §13.1.2: a list, compared weakly, or `*`)."""
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in known or known == ["*"]
