"""Every frame and response with a sequence id or a head names the history of it.

The published models are walked, so frames and routes that are added later are covered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.protocol.fields import MAX_SEQUENCE_ID
from chalicelib.core.protocol.frames import WITH_HISTORY_ID
from specs import definitions, openapi

POSITIONS = {"head", "heads", "read_up_to", "after"}
"""Names of positions whose type also allows other numbers."""
HEADER = "Chat-History-Id"
FRAMES = [frame.__name__ for frame in definitions.server_frames()]
HTTP = openapi.document("1.0.0")


def positions(
    schema: Any, named: bool = False, path: str = "", known: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the path of each sequence id and head that no object around it names the history of."""
    reference = schema.get("$ref", "").rpartition("/")[2]
    if reference and reference not in known:
        yield from positions(definitions.definitions()[reference], named, path, known | {reference})
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from positions(part, named, path, known)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from positions(inner, named, f"{path}[]", known)
    if schema.get("maximum") == MAX_SEQUENCE_ID and not named:
        yield path
    required, properties = schema.get("required", ()), schema.get("properties", {})
    for name, field in properties.items():
        # An optional `history_id` names optional positions beside it only.
        is_named = named or ("history_id" in properties and ("history_id" in required or name not in required))
        found = list(positions(field, is_named, f"{path}.{name}", known))
        yield from found or ([f"{path}.{name}"] if name in POSITIONS and not is_named else [])


def schema_of(name: str) -> Any:
    return definitions.definitions()[name]


@pytest.mark.parametrize("name", FRAMES)
def test_frame_with_a_sequence_id_has_the_history_id(name: str) -> None:
    assert list(positions(schema_of(name))) == []


@pytest.mark.parametrize("name", FRAMES)
def test_published_frame_with_a_history_id_is_posted_with_it(name: str) -> None:
    properties = schema_of(name)["properties"]
    is_named = "history_id" in schema_of(name).get("required", ())
    assert (properties.get("type", {}).get("const") in WITH_HISTORY_ID) == is_named


RESPONSES = [
    pytest.param(response, id=f"{method} {path} {status}")
    for path, methods in HTTP["paths"].items()
    for method, operation in methods.items()
    for status, response in operation["responses"].items()
    if operation.get("security") != []
]


@pytest.mark.parametrize("response", RESPONSES)
def test_http_response_with_a_sequence_id_has_the_history_id(response: dict[str, Any]) -> None:
    if "$ref" in response:
        response = HTTP["components"]["responses"][response["$ref"].rpartition("/")[2]]
    body = response.get("content", {}).get("application/json", {}).get("schema", {})
    assert HEADER in response.get("headers", {}) or list(positions(body)) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sequence_id": {"type": "integer", "maximum": MAX_SEQUENCE_ID}}, [".sequence_id"]),
        ({"read_up_to": {"type": "integer"}}, [".read_up_to"]),
        ({"results": {"type": "array", "items": {"$ref": "#/$defs/Conversation"}}}, [".results[].head"]),
        ({"events": {"type": "array", "items": {"$ref": "#/$defs/Event"}}}, [".events[].sequence_id"]),
        ({"heads": {"type": "object", "additionalProperties": {"maximum": MAX_SEQUENCE_ID}}}, [".heads[]"]),
        ({"title": {"type": "string"}, "count": {"type": "integer"}}, []),
    ],
    ids=json.dumps,
)
def test_positions_are_found_at_any_depth(fields: dict[str, Any], expected: list[str]) -> None:
    found = set(positions({"type": "object", "properties": fields, "required": list(fields)}))
    assert found >= set(expected)
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(("required", "expected"), [(["head"], [".head"]), ([], []), (["head", "history_id"], [])])
def test_optional_history_id_does_not_name_a_required_head(required: list[str], expected: list[str]) -> None:
    properties = {"head": {"type": "integer"}, "history_id": {"type": "string"}}
    assert list(positions({"properties": properties, "required": required})) == expected
