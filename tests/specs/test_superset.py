"""The documents allow whatever the server accepts."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.kernel.errors import ChatError, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import commands, parsing, requests
from specs import definitions
from tests.support.from_schema import disturbed, values

SCHEMAS = definitions.definitions()
MODELS = {
    **{model.__name__: model for model in parsing.COMMANDS.values()},
    **{route.body.__name__: route.body for route in definitions.routes() if route.body is not None},
}
LIMITS = Limits()


@cache
def any_values(name: str) -> st.SearchStrategy[Any]:
    """Return a strategy of values that a schema allows, and of similar ones."""
    return values(SCHEMAS[name], SCHEMAS, {}) | disturbed(SCHEMAS[name], SCHEMAS, {})


@cache
def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMAS})


def is_accepted(name: str, value: Any) -> bool:
    model = MODELS[name]
    if issubclass(model, commands.Command):
        return not isinstance(parsing.parse_command(json.dumps(value, ensure_ascii=False), LIMITS)[0], ChatError)
    try:
        requests.parse_body(model, json.dumps(value, ensure_ascii=False).encode(), LIMITS)
    except ValidationFailed:
        return False
    return True


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15, database=None, derandomize=True)
@given(data=st.data())
def test_schema_allows_what_the_model_accepts(name: str, data: st.DataObject) -> None:
    value = data.draw(any_values(name))
    if is_accepted(name, value):
        validator(name).validate(value)


EDGES: list[tuple[str, str, Any, bool]] = [
    ("Message", "content", "a" * 10_000, True),
    ("Message", "content", "a" * 10_001, False),
    ("Message", "content", "𝄞" * 6_000, True),
    ("Message", "content", "\n\t\r x\u200b", True),
    ("Message", "content", "a\n", True),
    ("Message", "content", "", False),
    ("Message", "content", "a\x00", False),
    ("Message", "content", "a\x7f", False),
    ("Message", "content", "a\u0085", False),
    ("Message", "content", "a\u202eb", True),
    ("CreateConversation", "title", "a\nb", False),
    ("CreateConversation", "title", "a\u202eb", False),
    ("CreateConversation", "title", "a\tb", True),
    ("Message", "client_message_id", "~" * 128, True),
    ("Message", "client_message_id", "~" * 129, False),
    ("Message", "client_message_id", "a b", False),
    ("Message", "reply_to", 2**53 - 1, True),
    ("Message", "reply_to", 2**53, False),
    ("Message", "reply_to", 0, False),
    ("Message", "reply_to", None, True),
    ("Message", "mentions", ["x"] * 2, False),
    ("Message", "mentions", [str(number) for number in range(20)], True),
    ("Message", "mentions", [str(number) for number in range(21)], False),
    ("Message", "unknown", 1, False),
    ("CreateConversation", "title", "t" * 200, True),
    ("CreateConversation", "title", "t" * 201, False),
    ("CreateConversation", "title", None, False),
    ("CreateConversation", "join_policy", "public", False),
    ("UpdateConversation", "title", "t", True),
    ("UpdateConversation", "title", None, False),
    ("UpdateConversation", "metadata", None, False),
    ("UpdateConversation", "retention_days", None, True),
    ("UpdateParticipant", "role", None, False),
    ("UpdateParticipant", "muted_for", None, False),
    ("UpdateParticipant", "muted_for", 0, True),
    ("EditMessage", "mentions", None, False),
    ("React", "emoji", "👩‍👩‍👧", True),
    ("React", "emoji", "", False),
    ("NewParticipant", "participant_id", "".join(map(chr, range(0x21, 0x7F))), True),
    ("NewParticipant", "participant_id", "p" * 256, False),
    ("NewParticipant", "name", "n" * 101, False),
    ("Ping", "heads", {str(number): 1 for number in range(101)}, False),
]


@pytest.mark.parametrize(("name", "field", "value", "fine"), EDGES)
def test_schema_and_model_agree_at_the_edges(name: str, field: str, value: Any, fine: bool) -> None:
    example = {**SCHEMAS[name]["examples"][-1], field: value}
    assert is_accepted(name, example) == fine
    assert validator(name).is_valid(example) == fine
