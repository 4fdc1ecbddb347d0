"""The guide tells of everything there is: docs/protocol.md leaves out no route, command, frame, event or code."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.core.protocol import commands
from specs import definitions, glossary, wire
from specs.documents import ROOT

GUIDE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
CODE = " ".join(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)))
"""All that stands in code marks, but for the examples."""
GATEWAYS_OWN = {"GatewayFailure"}


def types() -> list[str]:
    names = [each.__name__ for each in definitions.our_frames() if each.__name__ not in GATEWAYS_OWN]
    return [definitions.definitions()[name]["properties"]["type"]["const"] for name in names]


@pytest.mark.parametrize("word", [*commands.COMMANDS, *types(), *wire.EVENT_TYPES, *glossary.codes()])
def test_the_guide_tells_of_it(word: str) -> None:
    assert re.search(rf"(?<![\w]){word}(?![\w])", CODE), f"docs/protocol.md does not tell of {word}"


@pytest.mark.parametrize("route", definitions.routes(), ids=lambda route: route.view.__name__)
def test_the_guide_tells_of_every_route(route: Any) -> None:
    path = route.path.replace("{conversation_id}", "{id}")
    shown = rf"`{route.method}(?:`, `[A-Z]+)* {re.escape(path)}(?![/\w])"
    assert re.search(shown, GUIDE), f"docs/protocol.md does not tell of {route.method} {path}"
