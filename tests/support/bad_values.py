r"""Values that fields reject, as JSON text: some are not values of Python, and some are not JSON.

`rejected_by` returns those of a field by its type in the model, so that a new field needs no additional list. The
limits are the defaults.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from chalicelib.core.protocol import field_rules, fields

GOOD_ID = "conv_AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True, slots=True)
class Bad:
    """A value, and the path within the field that the first problem names ('' is the field itself)."""

    text: str
    at: str = ""


def _lines(most: int) -> dict[str, Bad]:
    """Return values that are not a text of one line and at most `most` characters."""
    return {
        **_texts(most),
        "a line feed": Bad(r'"a\nb"'),
        "a carriage return": Bad(r'"a\rb"'),
        "a line separator": Bad(r'"a\u2028b"'),
        "a paragraph separator": Bad(r'"a\u2029b"'),
        "a right-to-left mark": Bad(r'"a\u200fb"'),
        "a right-to-left override": Bad(r'"a\u202eb"'),
        "an isolate": Bad(r'"a\u2066b"'),
        "an Arabic letter mark": Bad(r'"a\u061cb"'),
    }


def _texts(most: int) -> dict[str, Bad]:
    """Return values that are not a text of at most `most` characters."""
    return {
        **_NOT_STRINGS,
        "a zero width space": Bad(r'"\u200b"'),
        "an empty Braille pattern": Bad(r'"\u2800"'),
        "a Hangul filler": Bad(r'"\u3164\u3164"'),
        "a byte order mark": Bad(r'"\ufeff"'),
        "a combining mark": Bad(r'"\u0301"'),
        "a combining mark after a blank": Bad(r'" \u20e3"'),
        "padding": Bad(r'"a\u0080b"'),
        "next line": Bad(r'"a\u0085b"'),
        "control sequence introducer": Bad(r'"a\u009bb"'),
        "empty": Bad('""'),
        "blanks": Bad('"   "'),
        "white space": Bad(r'"\n\t\r \u00a0\u2003"'),
        "too long": Bad(json.dumps("x" * (most + 1))),
        "too long in characters that take several bytes": Bad(json.dumps("é" * (most + 1), ensure_ascii=False)),
        "NUL": Bad(r'"a\u0000b"'),
        "backspace": Bad(r'"a\bb"'),
        "vertical tab": Bad(r'"a\u000bb"'),
        "form feed": Bad(r'"a\fb"'),
        "shift out": Bad(r'"a\u000eb"'),
        "escape": Bad(r'"a\u001b[31mred"'),
        "unit separator": Bad(r'"a\u001fb"'),
        "DEL": Bad(r'"a\u007fb"'),
        "a lone high surrogate": Bad(r'"a\ud83d"'),
        "a lone low surrogate": Bad(r'"\ude00b"'),
        "surrogates in the wrong order": Bad(r'"\ude00\ud83d"'),
    }


def _ids(most: int) -> dict[str, Bad]:
    """Return values that are not an identifier of visible ASCII characters."""
    return {
        **_NOT_STRINGS,
        "empty": Bad('""'),
        "with a blank": Bad('"a b"'),
        "with a line feed": Bad(r'"a\n"'),
        "not ASCII": Bad('"é"'),
        "full width": Bad('"\uff41"'),
        "DEL": Bad(r'"a\u007f"'),
        "NUL": Bad(r'"\u0000"'),
        "a lone surrogate": Bad(r'"\ud800"'),
        "too long": Bad(json.dumps("x" * (most + 1))),
    }


_NOT_STRINGS: dict[str, Bad] = {
    "a number": Bad("5"),
    "true": Bad("true"),
    "a list": Bad('["x"]'),
    "an object": Bad('{"x":"y"}'),
}
NULL = {"null": Bad("null")}

CONTENT = {**_texts(10_000), "too many bytes": Bad(json.dumps("€" * 8_001, ensure_ascii=False))}
TITLE = _lines(200)
NAME = _lines(100)
CLIENT_MESSAGE_ID = _ids(128)
PARTICIPANT_ID = _ids(255)
_NOT_INTEGERS = {
    "a string": Bad('"1"'),
    "a fraction": Bad("1.5"),
    "a whole number written as a fraction": Bad("1.0"),
    "a whole number written with an exponent": Bad("1e0"),
    "true": Bad("true"),
    "false": Bad("false"),
    "a list": Bad("[1]"),
    "an object": Bad("{}"),
    "negative": Bad("-1"),
    "more than a double holds exactly": Bad(str(2**53)),
    "more than 64 bits": Bad(str(2**64)),
    "as many digits as a double has": Bad("9" * 308),
}
EMOJI = {
    **_texts(64),
    "two of them": Bad('"👍👍"'),
    "two letters": Bad('"ab"'),
    "a blank behind it": Bad('"👍 "'),
    "two flags": Bad('"🇩🇪🇫🇷"'),
    "a joiner alone": Bad(r'"\u200d"'),
    "a selector alone": Bad(r'"\ufe0f"'),
    "an accent alone": Bad(r'"\u0301"'),
    "a line separator": Bad(r'"\u2028"'),
    "too many bytes": Bad(json.dumps("a" + "\u0301" * 32, ensure_ascii=False)),
}
MENTIONS = {
    "a string": Bad('"alice"'),
    "an object": Bad("{}"),
    "a number": Bad("1"),
    "numbers": Bad("[1]", "0"),
    "null inside": Bad("[null]", "0"),
    "lists inside": Bad('[["alice"]]', "0"),
    "an empty id": Bad('[""]', "0"),
    "an id with a blank": Bad('["a b"]', "0"),
    "an id that is not ASCII": Bad('["é"]', "0"),
    "an id that is too long": Bad(json.dumps(["x" * 256]), "0"),
    "somebody twice": Bad('["a","a"]'),
    "too many": Bad(json.dumps([f"p{number}" for number in range(21)])),
}
METADATA = {
    "a list": Bad("[]"),
    "a string": Bad('"x"'),
    "a number": Bad("0"),
    "false": Bad("false"),
    "too large": Bad(json.dumps({"a": "x" * 4_100})),
    "too large in bytes": Bad(json.dumps({"a": "é" * 2_050}, ensure_ascii=False)),
    "a lone surrogate": Bad(r'{"a":"\ud800"}'),
    "a lone surrogate in a name": Bad(r'{"\udfff":1}'),
    "a lone surrogate deep inside": Bad(r'{"a":[{"b":["\ud800"]}]}'),
}
BOOLEAN = {
    "a string": Bad('"true"'),
    "a number": Bad("1"),
    "a list": Bad("[]"),
    "an object": Bad("{}"),
}
COMMAND_ID = {
    "a number": Bad("1"),
    "a list": Bad("[]"),
    "too long": Bad(json.dumps("x" * 129)),
    "a lone surrogate": Bad(r'"\ud800"'),
}

_BY_TYPE: tuple[tuple[Any, Mapping[str, Bad]], ...] = (
    (fields.ParticipantId, PARTICIPANT_ID),
    (fields.ClientMessageId, CLIENT_MESSAGE_ID),
    (fields.CommandId, COMMAND_ID),
    (fields.Name, NAME),
    (fields.Title, TITLE),
    (fields.Content, CONTENT),
    (fields.Emoji, EMOJI),
    (fields.Metadata, METADATA),
    (fields.Mentions, MENTIONS),
    (bool, BOOLEAN),
)


def rejected_by(model: type[BaseModel], field: str) -> dict[str, Bad]:
    """Return the values that a field rejects by its type, and null unless the field accepts it.

    Of lists and objects of other models there are none but null.
    """
    hint = get_type_hints(model, include_extras=True)[field]
    return {**_by_type(hint), **({} if _accepts_null(hint) else NULL)}


def _by_type(hint: Any) -> Mapping[str, Bad]:
    for known, values in _BY_TYPE:
        if hint is known:
            return values
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (option for option in get_args(hint) if option is not type(None))
        return _by_type(inner)
    if get_origin(hint) is Literal:
        (first, *_) = get_args(hint)
        return {**_NOT_STRINGS, **_texts_but(first)}
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        return {**_by_type(inner), **_beyond(metadata)}
    return {str: _NOT_STRINGS, int: _NOT_INTEGERS}.get(hint, {})


def _texts_but(allowed: str) -> dict[str, Bad]:
    return {"unknown": Bad('"unknown"'), "empty": Bad('""'), "another case": Bad(json.dumps(allowed.title()))}


def _beyond(metadata: list[Any]) -> dict[str, Bad]:
    """Return the values just beyond the constraints of a number or a text."""
    constraints = [
        each for info in metadata for each in (info.metadata if isinstance(info, FieldInfo) else [info])
    ]
    found: dict[str, Bad] = {}
    for constraint in constraints:
        match constraint:
            case Ge(ge=int(least)):
                found["too small"] = Bad(str(least - 1))
            case Le(le=int(most)):
                found["too large"] = Bad(str(most + 1))
            case MinLen(min_length=1):
                found["empty"] = Bad('""')
            case MaxLen(max_length=most):
                found["too long"] = Bad(json.dumps("x" * (most + 1)))
    return found


def _accepts_null(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        refused = any(isinstance(each, BeforeValidator) and each.func is field_rules.not_null for each in metadata)
        return _accepts_null(inner) and not refused
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


UNKNOWN_CONVERSATION_ID = {
    "well formed but of nothing": GOOD_ID,
    "empty": "",
    "of another kind": "msg_AAAAAAAAAAAAAAAAAAAAAA",
    "too short": "conv_A",
    "too long by one": GOOD_ID + "A",
    "a number": "12345",
    "with a blank": GOOD_ID[:-1] + " ",
    "with a line feed behind": GOOD_ID + "\n",
    "with a NUL": GOOD_ID[:-1] + "\0",
    "with a hash": "conv_A#P#somebody",
    "not ASCII": "conv_ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ",
    "of twenty thousand characters": "conv_" + "A" * 20_000,
    "a lone surrogate": GOOD_ID[:-1] + "\ud800",
    "a path": "../conversations",
}

NOT_JSON = {
    "blanks": "   ",
    "words": "hello",
    "a single quote": "{'type':'ping'}",
    "unfinished object": '{"type":"ping"',
    "unfinished string": '{"type":"pin',
    "trailing comma": '{"type":"ping",}',
    "a comment": '{"type":"ping"} // hello',
    "two values": '{"type":"ping"}{"type":"ping"}',
    "a name without quotes": '{type:"ping"}',
    "NaN": '{"type":"ping","x":NaN}',
    "Infinity": '{"type":"ping","x":[Infinity]}',
    "minus Infinity": '{"type":"ping","x":-Infinity}',
    "beyond a double": '{"type":"ping","x":1e999}',
    "minus beyond a double": '{"type":"ping","x":-1e999}',
    "a whole number beyond a double": f'{{"type":"ping","x":{"9" * 1_000}}}',
    "a leading zero": '{"type":"ping","x":01}',
    "a plus sign": '{"type":"ping","x":+1}',
    "a bare fraction": '{"type":"ping","x":.5}',
    "hexadecimal": '{"type":"ping","x":0x10}',
    "a raw line feed in a string": '{"type":"ping","x":"a\nb"}',
    "a raw NUL": '{"type":"ping","x":"\0"}',
    "an unknown escape": r'{"type":"ping","x":"\x41"}',
    "half an escape": r'{"type":"ping","x":"\u12"}',
    "a key twice": '{"type":"ping","type":"ping"}',
    "a key twice deep inside": '{"type":"ping","x":[{"a":1,"a":2}]}',
    "a key twice in different spelling": r'{"type":"ping","x":{"a":1,"\u0061":2}}',
    "65 levels of lists": '{"x":' + "[" * 64 + "]" * 64 + "}",
    "65 levels of objects": '{"x":' * 65 + "1" + "}" * 65,
    "ten thousand levels": "[" * 10_000 + "]" * 10_000,
    "ten thousand levels, unfinished": '{"x":' * 5_000,
    "a byte order mark": '\ufeff{"type":"ping"}',
}
"""Texts that are rejected as INVALID_JSON."""

NO_OBJECT = {
    "null": "null",
    "true": "true",
    "a number": "5",
    "a string": '"message"',
    "an empty list": "[]",
    "a list of an object": '[{"type":"ping"}]',
    "64 levels of lists": "[" * 64 + "]" * 64,
}
"""JSON values of the wrong shape, which are rejected as VALIDATION_FAILED."""

_READ = {"type": "read", "conversation_id": GOOD_ID, "sequence_id": 1}
BATCHES: Mapping[str, Bad] = {
    "an object": Bad("{}"),
    "a string": Bad('"x"'),
    "null": Bad("null"),
    "no command": Bad("[]"),
    "25 commands": Bad(json.dumps([_READ] * 25)),
    "a string for a command": Bad('["read"]', "0"),
    "null for a command": Bad("[null]", "0"),
    "a command without a type": Bad("[{}]", "0"),
    "a type that is a number": Bad('[{"type":5}]', "0"),
    "a batch in a batch": Bad(json.dumps([_READ, {"type": "batch", "commands": [_READ]}]), "1"),
    **{
        f"a {command} in a batch": Bad(json.dumps([_READ, {"type": command, "conversation_id": GOOD_ID}]), "1")
        for command in ("hello", "subscribe", "unsubscribe", "sync", "typing", "auth", "ping", "nope", "Message")
    },
}
"""Lists of commands that make a batch invalid as a whole."""

UNKNOWN_FIELDS = ("sequence_id", "typ", "Content", "content ", "__proto__", "", "é", "a.b", "x" * 1000)
"""Names of fields that no message has."""


def object_text(fields: Mapping[str, str]) -> str:
    """Return a JSON object of fields whose values are JSON texts."""
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}"
