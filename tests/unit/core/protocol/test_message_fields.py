"""Messages have the same content over HTTP and over the socket, and an event gets what the sender filled in."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.events import MessageState, StoredEvent
from chalicelib.core.protocol import commands, requests
from chalicelib.core.protocol.message_fields import EditFields, SendFields, changes_of, content_of

MESSAGE_MODELS = [requests.SendMessage, commands.Message]
EDIT_MODELS = [requests.EditMessage, commands.Edit]
SOCKET_ONLY = {"id", "type", "conversation_id", "target", "client_message_id", "history_id"}
"""Over HTTP, they are in the path or the query, or have no counterpart."""


@pytest.mark.parametrize("model", MESSAGE_MODELS)
def test_both_transports_take_the_same_message_fields(model: type[SendFields]) -> None:
    assert model.model_fields.keys() - SOCKET_ONLY == SendFields.model_fields.keys()


@pytest.mark.parametrize("model", EDIT_MODELS)
def test_both_transports_take_the_same_edit_fields(model: type[EditFields]) -> None:
    assert model.model_fields.keys() - SOCKET_ONLY == EditFields.model_fields.keys()


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ({"content": "a"}, {"content": "a"}),
        ({"content": "a", "reply_to": None, "mentions": [], "metadata": None}, {"content": "a"}),
        ({"content": "a", "metadata": {}}, {"content": "a", "metadata": {}}),
        ({"content": "a", "seen": 3}, {"content": "a"}),
        (
            {"content": "a", "reply_to": 1, "mentions": ["bob"], "metadata": {"k": None}},
            {"content": "a", "reply_to": 1, "mentions": ["bob"], "metadata": {"k": None}},
        ),
    ],
)
def test_event_has_the_fields_that_the_sender_filled_in(given: dict[str, Any], content: dict[str, Any]) -> None:
    assert content_of(requests.SendMessage.model_validate(given)) == content


def test_client_message_id_is_not_content() -> None:
    message = requests.SendMessage.model_validate({"content": "a", "client_message_id": "1"})
    assert content_of(message) == {"content": "a"}


@pytest.mark.parametrize(
    "given",
    [{"content": "a"}, {"content": "a", "mentions": []}, {"content": "a", "mentions": ["b"], "metadata": {}}],
)
def test_edit_changes_the_fields_that_it_has(given: dict[str, Any]) -> None:
    assert changes_of(requests.EditMessage.model_validate(given)) == given


def test_empty_value_in_an_edit_removes_the_field() -> None:
    said = {"content": "a", "mentions": ["bob"], "metadata": {"k": 1}}
    state = MessageState(version=2, overrides={"content": "b", "mentions": [], "metadata": {}})
    assert StoredEvent(said, 1, state).current == {"content": "b", "version": 2}
