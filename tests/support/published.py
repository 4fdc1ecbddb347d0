"""Holds what a client receives to the published documents, as strictly as they can be taken.

Clients are to ignore what they do not know; here a field, a type, a status or a code that is not published fails.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

DOCS = Path(__file__).parents[2] / "docs"
_PARAMETER = re.compile(r"\{\w+\}")


def check_frame(frame: dict[str, Any]) -> None:
    """Raises AssertionError unless the frame is a published one."""
    document = _document("schemas.json")
    kinds = {
        name: schema["properties"].get("type", {}).get("const")
        for name, schema in ((each, document["$defs"][each]) for each in _server_frames())
    }
    candidates = [name for name, kind in kinds.items() if kind == frame.get("type")]
    assert candidates, f"docs/schemas.json has no frame of type {frame.get('type')}"
    problems = [_problem(_frame(name), frame) for name in candidates]
    assert None in problems, f"not as published: {problems}\n{frame!r:.2000}"


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Raises AssertionError unless this operation answers so. What is no operation of ours is no matter here."""
    template = next((each for each in _templates() if each[0].fullmatch(path.partition("?")[0])), None)
    # Methods are case-sensitive (RFC 9110, 9.1): `get` is none that we publish.
    known = method.lower() if method.isupper() else ""
    operation = _document("openapi.json")["paths"][template[1]].get(known) if template else None
    if template is None or operation is None:
        return
    assert str(status) in operation["responses"], f"{method} {template[1]} is not published to answer {status}"
    validator = _answer(template[1], method.lower(), str(status))
    if validator is None:
        assert body is None, f"{method} {path} {status} is to have no body, but has {body!r:.500}"
        return
    problem = _problem(validator, body)
    assert problem is None, f"{method} {path} {status} is not as published: {problem}\n{body!r:.2000}"


def _problem(validator: jsonschema_rs.Draft202012Validator, value: Any) -> str | None:
    error = next(validator.iter_errors(value), None)
    return None if error is None else f"{error.message:.500} at {'.'.join(map(str, error.instance_path))}"


@cache
def _document(name: str) -> Any:
    return _closed(json.loads((DOCS / name).read_text(encoding="utf-8")))


@cache
def _server_frames() -> list[str]:
    references = _document("schemas.json")["$defs"]["ServerFrame"]["anyOf"]
    return [each["$ref"].rpartition("/")[2] for each in references]


@cache
def _frame(name: str) -> jsonschema_rs.Draft202012Validator:
    definitions = _document("schemas.json")["$defs"]
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Every path as a pattern; those without parameters first."""
    paths = sorted(_document("openapi.json")["paths"], key=lambda path: path.count("{"))
    return [(re.compile("[^/]+".join(map(re.escape, _PARAMETER.split(path)))), path) for path in paths]


@cache
def _answer(path: str, method: str, status: str) -> jsonschema_rs.Draft202012Validator | None:
    document = _document("openapi.json")
    response = document["paths"][path][method]["responses"][status]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    if "content" not in response:
        return None
    schema = response["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def _closed(value: Any) -> Any:
    """Schemas in which objects have no fields but those that are told."""
    if isinstance(value, list):
        return [_closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(each) for name, each in value.items()}
    if value.get("type") == "object" and "properties" in value:
        closed.setdefault("additionalProperties", False)
    return closed
