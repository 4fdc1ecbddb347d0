"""Holds what a client receives to its shape, strictly: exactly these fields, of exactly these types.

A failed check raises AssertionError and says what was received.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from functools import cache
from types import UnionType
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from chalicelib.core.protocol import frames
from tests.support import published
from tests.support.answer_shapes import ANSWERS, Refusal
from tests.support.shapes import EVENT_ENVELOPE, EVENT_FIELDS, FRAMES, IN_HISTORY, NARROWER

_RESOURCE = re.compile(r"(?<=^/conversations/)[^/]+")
_INVITE = re.compile(r"(?<=/invites/)[^/]+")
_MESSAGE = re.compile(r"(?<=/messages/)[^/]+")
_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u([0-9a-fA-F]{4})")


def check_frame(text: str) -> dict[str, Any]:
    """The frame of a text from the socket, once it is found to be of one of the known shapes.

    A frame without `type` is API Gateway's own, and has the shape that it gives to its messages.
    """
    frame = json.loads(text)
    assert isinstance(frame, dict), f"a frame is an object, not {text[:200]}"
    published.check_frame(frame)
    escaped = [code for code in _ESCAPE.findall(text) if int(code, 16) > 0x7F]
    assert not escaped, f"what is not ASCII stands in frames as itself, not as \\u{escaped[0]}"
    if "type" not in frame:
        assert frame.keys() == {"message", "connectionId", "requestId"}, f"unknown frame {text[:500]}"
        return frame
    assert frame["type"] in FRAMES, f"unknown type of frame: {text[:500]}"
    _check(FRAMES[frame["type"]], frame, f"frame {frame['type']}")
    return frame


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Check an HTTP answer's body against what this route answers with this status."""
    published.check_answer(method, path, status, body)
    if status >= 400:
        _check(Refusal, body, f"{method} {path} {status}")
        return
    resource = _RESOURCE.sub("{id}", path.partition("?")[0])
    resource = _MESSAGE.sub("{number}", _INVITE.sub("{invite}", resource))
    expected = [shape for *route, shape in ANSWERS if route == [method, resource, status]]
    assert expected, f"{method} {resource} is not to answer {status}"
    if expected[0] is None:
        assert body is None, f"{method} {resource} {status} is to have no body, but has {body!r:.500}"
    else:
        _check(expected[0], body, f"{method} {resource} {status}")


def _check(shape: Any, value: Any, what: str) -> None:
    try:
        _adapter(shape).validate_python(value)
    except ValidationError as failed:
        raise AssertionError(f"{what} is not as it should be: {failed}\n{value!r:.2000}") from None
    _check_within(value)


def _check_within(value: Any) -> None:
    """Everything in `value` that is an event or a page of events, however deep it stands."""
    if isinstance(value, list):
        for each in value:
            _check_within(each)
    elif isinstance(value, dict):
        if "sequence_id" in value and value.get("type") in EVENT_FIELDS:
            _check_event(value)
        if value.get("type") == "event":
            assert not IN_HISTORY & value["event"].keys(), "what is pushed is the event as it was"
        if "events" in value:
            _check_log_page(value)
        for name, each in value.items():
            if name != "metadata":
                _check_within(each)


def _check_event(event: dict[str, Any]) -> None:
    required, optional = EVENT_FIELDS[event["type"]]
    given = event.keys() - EVENT_ENVELOPE
    assert required <= given <= required | optional, f"fields of {event['type']}: {sorted(given)}"
    if event["type"] == "message":
        ways = given & {"content", "deleted_at", "expired"}
        assert len(ways) == 1, f"neither said nor deleted nor expired: {sorted(given)}"


def _check_log_page(page: dict[str, Any]) -> None:
    """Contiguous, within the head, and saying rightly whether that is all (laws L3 and L4)."""
    ids = [event["sequence_id"] for event in page["events"]]
    told_later = [event for event in page["events"] if IN_HISTORY & event.keys()]
    assert not told_later, f"the log is told as it was, not as it is: {told_later}"
    assert not ids or ids == list(range(ids[0], ids[-1] + 1)), f"a page with holes: {ids}"
    assert not ids or ids[-1] <= page["head"], f"events {ids} beyond the head {page['head']}"
    if ids and ids[-1] < page["head"]:
        assert page["has_more"], f"a page that ends at {ids[-1]} below the head {page['head']} and says it is all"


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_strict(shape))


@cache
def _strict(shape: Any) -> Any:
    """`shape` with every TypedDict in it turned into a strict model that knows no other fields.

    pydantic reads no `typing.TypedDict` before Python 3.12, and would let unknown fields through.
    """
    if is_typeddict(shape):
        hints = get_type_hints(shape, include_extras=True)
        products = shape.__module__ == frames.__name__
        fields: dict[str, Any] = {name: _field(hint, name if products else "") for name, hint in hints.items()}
        return create_model(shape.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **fields)
    if get_origin(shape) is Union or isinstance(shape, UnionType):
        return functools.reduce(operator.or_, map(_strict, get_args(shape)))
    if get_origin(shape) is list:
        return list[_strict(get_args(shape)[0])]  # type: ignore[misc]  # computed at run time
    return shape


def _field(hint: Any, name: str) -> tuple[Any, Any]:
    """A field of a model: required, or with a default, which lets it be absent but not null.

    A field of the product's types is narrowed by its `name`.
    """
    if get_origin(hint) is NotRequired:
        return _narrowed(get_args(hint)[0], name), None
    return _narrowed(hint, name), ...


def _narrowed(hint: Any, name: str) -> Any:
    return NARROWER.get(name, hint) if hint in (str, int) else _strict(hint)
