"""Every paged list answers a malformed cursor with VALIDATION_FAILED, and never with an error of the store."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.protocol.queries import AuditQuery, ConversationsQuery, ExportQuery, PageQuery, ReactionsQuery
from chalicelib.core.protocol.requests import CreateInvite
from tests.support.app_harness import AppHarness, principal

ALICE = principal("alice")
List = Callable[[AppHarness, str, str], Any]

LISTS: dict[str, List] = {
    "bans": lambda app, chat, cursor: app.chat.conversations.moderation.bans(
        ALICE, chat, PageQuery(cursor=cursor)
    ),
    "invites": lambda app, chat, cursor: app.chat.conversations.invites.list(
        ALICE, chat, PageQuery(cursor=cursor)
    ),
    "audit": lambda app, chat, cursor: app.chat.conversations.moderation.audit(
        ALICE, chat, AuditQuery(cursor=cursor)
    ),
    "reactions": lambda app, chat, cursor: app.chat.conversations.history.reactions(
        ALICE, chat, 2, ReactionsQuery(cursor=cursor)
    ),
    "conversations": lambda app, chat, cursor: app.chat.conversations.views.list(
        ALICE, ConversationsQuery(cursor=cursor)
    ),
    "conversations by creation": lambda app, chat, cursor: app.chat.conversations.views.list(
        ALICE, ConversationsQuery(cursor=cursor, order="created")
    ),
    "export": lambda app, chat, cursor: app.chat.privacy.export.page(ALICE, ExportQuery(cursor=cursor)),
}
HOSTILE: list[Any] = [
    ["~~"],
    ["~"],
    ["\x7f"],
    ["é"],
    [""],
    ["A" * 300],
    [1],
    [-1, "~"],
    [2**53, "conv_"],
    [10**30, ""],
    [1, "~~"],
    [0, ""],
    ["conv_", 10**30],
    ["conv_", -1],
    ["conv_", 2**53 - 1],
    ["~", 0],
    ["conv_~~~", 0],
    ["#~", 0],
    ["$~", 0],
    [True],
    [None],
    [1.5],
    [[]],
    [],
    {},
    "~~",
    None,
]
NOT_JSON = ["WyJ+fiJd", "", "=", "!", "W", "WyJ", "WyJ-fiJd\n", "A" * 512]


@pytest.fixture(scope="module")
def room() -> tuple[AppHarness, str]:
    harness = AppHarness()
    chat = harness.create_conversation("alice", "bob")
    harness.send_message("alice", chat)
    harness.chat.messaging.reactions.add(ALICE, chat, 2, "👍")
    harness.chat.conversations.moderation.ban(ALICE, chat, "eve")
    harness.chat.conversations.invites.create(ALICE, chat, CreateInvite())
    return harness, chat


@pytest.mark.parametrize("name", LISTS)
def test_hostile_cursor_is_rejected_or_names_a_page(room: tuple[AppHarness, str], name: str) -> None:
    harness, chat = room
    encoded = [base64.urlsafe_b64encode(json.dumps(value).encode()).decode() for value in HOSTILE]
    rejected = 0
    for cursor in [*encoded, *NOT_JSON]:
        try:
            assert isinstance(LISTS[name](harness, chat, cursor), dict)
        except ValidationFailed as error:
            assert [problem["path"] for problem in error.details or []] == ["cursor"]
            rejected += 1
    assert rejected >= len(NOT_JSON) + 10
    with pytest.raises(ValidationFailed):
        LISTS[name](harness, chat, "WyJ+fiJd")
