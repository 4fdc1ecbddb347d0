"""Lists of requests: none names the same thing twice."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from chalicelib.core.kernel.errors import InvalidJson, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import queries, requests
from chalicelib.core.protocol.parsing import COMMANDS, parse_command
from chalicelib.core.protocol.validation import Request, validated
from tests.support.bad_values import GOOD_ID

LISTS: dict[tuple[str, str], dict[str, Any] | None] = {
    ("Hello", "subscribe"): {
        "type": "hello",
        "subscribe": [{"conversation_id": GOOD_ID}, {"conversation_id": GOOD_ID, "after": 1}],
    },
    ("Message", "mentions"): {
        "type": "message",
        "conversation_id": GOOD_ID,
        "client_message_id": "k",
        "content": "hi",
        "mentions": ["bob", "bob"],
    },
    ("SendMessage", "mentions"): {"content": "hi", "mentions": ["bob", "bob"]},
    ("SendSystemMessage", "mentions"): {"client_message_id": "k", "content": "hi", "mentions": ["bob", "bob"]},
    ("Edit", "mentions"): {
        "type": "edit",
        "conversation_id": GOOD_ID,
        "target": 1,
        "content": "hi",
        "mentions": ["bob", "bob"],
    },
    ("EditMessage", "mentions"): {"content": "hi", "mentions": ["bob", "bob"]},
    # Compared in the core, as the caller may be among them: tests/e2e/test_bad_requests.py.
    ("CreateConversation", "participants"): None,
    # Commands for the same conversation are executed in their order.
    ("Batch", "commands"): None,
    ("ExecuteBatch", "commands"): None,
}
"""By model and field: a request with a duplicate, or None if the model does not compare the entries."""


def models() -> Iterator[type[BaseModel]]:
    """Yield the models of all commands, bodies and queries."""
    yield from COMMANDS.values()
    for value in (*vars(requests).values(), *vars(queries).values()):
        if isinstance(value, type) and issubclass(value, Request | queries.Query):
            yield value


def is_list(hint: Any) -> bool:
    """Return whether a field can be a list."""
    if get_origin(hint) is list:
        return True
    parts = [get_args(hint)[0]] if get_origin(hint) is Annotated else get_args(hint)
    return get_origin(hint) is not dict and any(map(is_list, parts))


def test_every_list_of_a_request_is_listed_here() -> None:
    found = {
        (model.__name__, name)
        for model in models()
        for name, hint in get_type_hints(model, include_extras=True).items()
        if name in model.model_fields and is_list(hint)
    }
    bases = {("BatchFields", "commands"), ("MessageFields", "mentions"), ("SendFields", "mentions")}
    assert found - bases - {("EditFields", "mentions")} == LISTS.keys()


@pytest.mark.parametrize(("model", "field"), [key for key, body in LISTS.items() if body is not None])
def test_duplicate_in_a_list_is_refused(model: str, field: str) -> None:
    named = {found.__name__: found for found in models()}[model]
    body = typing.cast("dict[str, Any]", LISTS[model, field])
    with pytest.raises(ValidationFailed) as refused:
        validated(named, body, Limits())
    assert [(problem["path"], problem["problem"][:14]) for problem in refused.value.details or ()] == [
        (field, "must not name ")
    ]
    distinct = {**body, field: body[field][:1]}
    assert getattr(validated(named, distinct, Limits()), field)


def test_head_of_a_conversation_is_named_once_in_a_ping() -> None:
    frame = f'{{"type":"ping","heads":{{"{GOOD_ID}":1,"{GOOD_ID}":2}}}}'
    error, _ = parse_command(frame, Limits())
    assert isinstance(error, InvalidJson)


def test_parameter_of_a_query_is_given_once() -> None:
    with pytest.raises(ValidationFailed):
        queries.parse_query(queries.PageQuery, {"limit": ["1", "1"]})
