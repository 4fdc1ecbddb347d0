"""The guide is complete: docs/protocol.md mentions every route, command, frame, event and error code."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.core.protocol import commands
from specs import definitions
from specs.documents import ROOT
from specs.error_codes import codes
from specs.wire.events import EVENT_TYPES

GUIDE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
CODE = " ".join(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)))
"""The guide's inline code, without its code blocks."""
WITHOUT_TYPE = {"GatewayFailure"}


def types() -> list[str]:
    names = [frame.__name__ for frame in definitions.server_frames() if frame.__name__ not in WITHOUT_TYPE]
    return [definitions.definitions()[name]["properties"]["type"]["const"] for name in names]


@pytest.mark.parametrize("word", [*commands.COMMANDS, *types(), *EVENT_TYPES, *codes()])
def test_guide_mentions_it(word: str) -> None:
    assert re.search(rf"(?<![\w]){word}(?![\w])", CODE), f"docs/protocol.md does not mention {word}"


@pytest.mark.parametrize("route", definitions.routes(), ids=lambda route: route.view.__name__)
def test_guide_mentions_every_route(route: Any) -> None:
    path = route.path.replace("{conversation_id}", "{id}")
    shown = rf"`{route.method}(?:`, `[A-Z]+)* {re.escape(path)}(?![/\w])"
    assert re.search(shown, GUIDE), f"docs/protocol.md does not mention {route.method} {path}"
