"""The frames that the server builds: every field, and the ones that are omitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.core.kernel.errors import ConversationBusy, NotFound, ValidationFailed
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.actors import Actor
from chalicelib.core.protocol import frames, serializers
from tests.unit.aws.dynamodb.samples import CONNECTION, DETAILS, HEAD

ANN = Actor("ann", "Ann", "agent")
ANN_REF = {"participant_id": "ann", "name": "Ann", "type": "agent"}
TIME = "2023-11-14T22:13:20.000Z"
"""1,700,000,000 s, as in the samples."""


@pytest.mark.parametrize(("count", "is_cut"), [(0, False), (100, False), (101, True)])
def test_participants_of_an_event_are_cut_at_100(count: int, is_cut: bool) -> None:
    event = {"sequence_id": 1, "participants": list(range(count))}
    expected = {"sequence_id": 1, "participants": list(range(min(count, 100)))}
    marked = {"participants_truncated": True} if is_cut else {}
    assert frames.events_pushes("c", [event]) == [
        {"type": "events", "conversation_id": "c", "events": [{**expected, **marked}]}
    ]


def test_event_without_participants_is_pushed_unchanged() -> None:
    event = {"sequence_id": 1}
    assert frames.events_pushes("c", [event]) == [{"type": "events", "conversation_id": "c", "events": [event]}]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            lambda: frames.typing_push("c", ANN, is_typing=True, sent_at=1_700_000_000_123),
            {
                "type": "typing",
                "conversation_id": "c",
                "participant": ANN_REF,
                "is_typing": True,
                "sent_at": "2023-11-14T22:13:20.123Z",
            },
        ),
        (
            lambda: frames.presence_push("c", ANN, False),
            {"type": "presence", "conversation_id": "c", "participant": ANN_REF, "online": False},
        ),
        (
            lambda: frames.read_push("c", "ann", 4),
            {"type": "read", "conversation_id": "c", "participant_id": "ann", "sequence_id": 4},
        ),
        (
            lambda: frames.removed_push("c", "left"),
            {"type": "conversation_removed", "conversation_id": "c", "reason": "left"},
        ),
        (lambda: frames.deleted_push("c"), {"type": "conversation_deleted", "conversation_id": "c"}),
        (
            lambda: frames.disconnect("EXPIRED", "why", reconnect=True, retry_after=2.5),
            {"type": "disconnect", "code": "EXPIRED", "reason": "why", "reconnect": True, "retry_after": 2.5},
        ),
        (
            lambda: frames.disconnect("ERASED", "why", reconnect=False),
            {"type": "disconnect", "code": "ERASED", "reason": "why", "reconnect": False},
        ),
    ],
    ids=lambda value: value.get("type", "") if isinstance(value, dict) else "",
)
def test_frame_has_exactly_its_fields(build: Callable[[], Mapping[str, Any]], expected: dict[str, Any]) -> None:
    assert build() == expected


def test_added_push_contains_the_conversation() -> None:
    conversation = serializers.conversation(HEAD, DETAILS)
    assert frames.added_push(conversation) == {"type": "conversation_added", "conversation": conversation}


def test_error_repeats_the_command_and_omits_absent_details() -> None:
    assert frames.error(NotFound(), {"id": "1"}) == {
        "type": "error",
        "code": "NOT_FOUND",
        "message": "Not found.",
        "retryable": False,
        "id": "1",
    }
    assert frames.error(ConversationBusy(retry_after=1))["retry_after"] == 1
    assert frames.error(ConversationBusy(retry_after=1))["retryable"] is True
    assert frames.error(ValidationFailed.at("title", "is too long"))["details"] == [
        {"path": "title", "problem": "is too long"}
    ]


def test_welcome_has_connection_limits_and_expiry() -> None:
    assert frames.welcome(
        CONNECTION, ANN, timing=Timing(ping_interval=30, typing_interval=2.5), limits={"edits": 5}
    ) == {
        "type": "welcome",
        "connection_id": "x=",
        "participant": ANN_REF,
        "protocol": 1,
        "expires_at": "2023-11-14T23:13:20.000Z",
        "ping_interval": 30,
        "typing_expires": 6,
        "limits": {"edits": 5},
    }
