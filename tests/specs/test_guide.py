"""The guide is complete: docs/protocol.md mentions every route, command, frame, event and error code."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.core.protocol import parsing
from specs import definitions
from specs.documents import ROOT
from specs.error_codes import codes
from specs.wire.events import EVENT_TYPES
from specs.wire.pushes import PUSHES

GUIDE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
CODE = " ".join(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)))
"""The guide's inline code, without its code blocks."""
WITHOUT_TYPE = {"GatewayFailure"}


def types() -> list[str]:
    names = [frame.__name__ for frame in definitions.server_frames() if frame.__name__ not in WITHOUT_TYPE]
    return [definitions.definitions()[name]["properties"]["type"]["const"] for name in names]


@pytest.mark.parametrize("word", [*parsing.COMMANDS, *types(), *EVENT_TYPES, *codes()])
def test_guide_mentions_it(word: str) -> None:
    assert re.search(rf"(?<![\w]){word}(?![\w])", CODE), f"docs/protocol.md does not mention {word}"


@pytest.mark.parametrize("route", definitions.routes(), ids=lambda route: route.view.__name__)
def test_guide_mentions_every_route(route: Any) -> None:
    path = route.path.replace("{conversation_id}", "{id}")
    shown = rf"`{route.method}(?:`, `[A-Z]+)* {re.escape(path)}(?![/\w])"
    assert re.search(shown, GUIDE), f"docs/protocol.md does not mention {route.method} {path}"


def rows_of_pushes() -> dict[str, list[str]]:
    """Return the rows of the table of pushes, by the type of the push."""
    _, _, table = GUIDE.partition("| push | sent when | a client that was away |")
    rows = [
        line.strip("| ").split(" | ") for line in table.split("\n\n")[0].splitlines() if line.startswith("| `")
    ]
    return {re.match(r"`(\w+)", row[0])[1]: row for row in rows}  # type: ignore[index]


def test_guide_names_for_every_push_what_a_client_that_was_away_reads() -> None:
    pushes = [frame.__name__ for frame in PUSHES if frame.__name__ not in WITHOUT_TYPE]
    published = {definitions.definitions()[name]["properties"]["type"]["const"] for name in pushes}
    rows = rows_of_pushes()
    assert rows.keys() == published
    for row in rows.values():
        assert len(row) == 3, row
        assert len(row[2].strip()) > 5, row


@pytest.mark.parametrize(
    ("push", "objects", "fields"),
    [
        ("events", ["Subscribed", "Synced", "Events"], ["events", "head"]),
        ("events", ["Pong"], ["heads"]),
        ("read", ["ParticipantView", "Subscribed", "Synced", "Conversation"], ["read_up_to"]),
        ("read", ["Subscribed", "Synced", "Conversation"], ["unread_count"]),
        ("presence", ["ParticipantView"], ["online"]),
        ("presence", ["Subscribed", "Synced", "Conversation"], ["participants"]),
        ("conversation_added", ["ConversationList"], ["conversations"]),
        ("conversation_removed", ["Pong"], ["heads"]),
        ("conversation_deleted", ["Pong"], ["heads"]),
    ],
)
def test_answers_that_replace_a_push_have_its_fields(push: str, objects: list[str], fields: list[str]) -> None:
    for name in objects:
        assert definitions.definitions()[name]["properties"].keys() >= set(fields), f"{name}, for {push}"
