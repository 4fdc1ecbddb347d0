"""Checks against the published documents, more strictly than a client would.

Clients must ignore unknown fields. Here a field, a type, a status or a code that is not published is an error.
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
_ERROR = '{"$ref": "#/components/schemas/ErrorResponse"}'


def check_frame(frame: dict[str, Any]) -> None:
    """Raise AssertionError unless the frame is published. The one without `type` is API Gateway's own."""
    candidates = _frames_by_type().get(frame.get("type"), [])
    assert candidates, f"docs/schemas.json has no frame of type {frame.get('type')}: {frame!r:.500}"
    problems = [_problem(_frame(name), frame) for name in candidates]
    assert None in problems, f"the frame is not as published: {problems}\n{frame!r:.2000}"


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Raise AssertionError unless the response is published; of an unknown operation, unless it is an error."""
    template = next((known for pattern, known in _templates() if pattern.fullmatch(path.partition("?")[0])), "")
    # Methods are case-sensitive (RFC 9110 section 9.1): `get` is not published.
    published_method = method.lower() if method.isupper() else ""
    operation = _document("openapi.json")["paths"].get(template, {}).get(published_method)
    if operation is None:
        assert status >= 400, f"{method} {path} is not published, and must not have status {status}"
        validator: jsonschema_rs.Draft202012Validator | None = _schema(_ERROR)
    else:
        assert str(status) in operation["responses"], f"{method} {template} does not publish status {status}"
        validator = _response(template, published_method, str(status))
    if validator is None:
        assert body is None, f"{method} {path} {status} must not have a body: {body!r:.500}"
        return
    problem = _problem(validator, body)
    assert problem is None, f"{method} {path} {status} is not as published: {problem}\n{body!r:.2000}"


def required_headers(method: str, path: str, status: int) -> set[str]:
    """Return the published headers of a response, in lower case, except those of errors."""
    template = next((known for pattern, known in _templates() if pattern.fullmatch(path.partition("?")[0])), "")
    operation = _document("openapi.json")["paths"].get(template, {}).get(method.lower(), {})
    response = operation.get("responses", {}).get(str(status), {})
    return {name.lower() for name in response.get("headers", {})} if status < 300 else set()


def _problem(validator: jsonschema_rs.Draft202012Validator, value: Any) -> str | None:
    error = next(validator.iter_errors(value), None)
    return None if error is None else f"{error.message:.500} at {'.'.join(map(str, error.instance_path))}"


@cache
def _document(name: str) -> Any:
    return _closed(json.loads((DOCS / name).read_text(encoding="utf-8")))


@cache
def _frames_by_type() -> dict[str | None, list[str]]:
    definitions = _document("schemas.json")["$defs"]
    found: dict[str | None, list[str]] = {}
    for reference in definitions["ServerFrame"]["anyOf"]:
        name = reference["$ref"].rpartition("/")[2]
        found.setdefault(definitions[name]["properties"].get("type", {}).get("const"), []).append(name)
    return found


@cache
def _frame(name: str) -> jsonschema_rs.Draft202012Validator:
    definitions = _document("schemas.json")["$defs"]
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Return every path with its pattern, those without parameters first."""
    paths = sorted(_document("openapi.json")["paths"], key=lambda path: path.count("{"))
    return [(re.compile("[^/]+".join(map(re.escape, _PARAMETER.split(path)))), path) for path in paths]


@cache
def _response(path: str, method: str, status: str) -> jsonschema_rs.Draft202012Validator | None:
    document = _document("openapi.json")
    response = document["paths"][path][method]["responses"][status]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    if "content" not in response:
        return None
    return _schema(json.dumps(response["content"]["application/json"]["schema"]))


@cache
def _schema(text: str) -> jsonschema_rs.Draft202012Validator:
    components = _document("openapi.json")["components"]
    return jsonschema_rs.Draft202012Validator({**json.loads(text), "components": components})


def _closed(value: Any) -> Any:
    """Return the schemas with every object closed: no properties but the published ones."""
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(inner) for name, inner in value.items()}
    if value.get("type") == "object" and "properties" in value:
        closed.setdefault("additionalProperties", False)
    return closed
