"""Our validators as JSON Schema, as far as it can say them; what it cannot say is said in words.

A schema may accept more than we do, never less. Patterns are of the part that ECMA-262 and Python have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import fields

Json = dict[str, Any]

TEXT = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]*$"
_OF_TEXT = (
    "Refused are control characters but tab, line feed and carriage return, lone surrogates, and nothing but "
    "white space; all else is kept as it is."
)
DIGITS = "In a query string, decimal digits only."

FIELD_RULES: Mapping[str, Callable[[Limits], Json]] = {
    "_text": lambda _: {"pattern": TEXT, "description": _OF_TEXT},
    "_title": lambda limits: {
        "minLength": 1,
        "maxLength": limits.title_characters,
        "pattern": TEXT,
        "description": f"At most {limits.title_characters} characters (code points). {_OF_TEXT}",
    },
    "_content": lambda limits: {
        "minLength": 1,
        "maxLength": limits.content_characters,
        "pattern": TEXT,
        "description": (
            f"At most {limits.content_characters} characters (code points) and {limits.content_bytes} bytes of "
            f"UTF-8. {_OF_TEXT}"
        ),
    },
    "_visible_ascii": lambda _: {"pattern": "^[!-~]+$", "description": "Visible ASCII characters."},
    "_client_message_id": lambda limits: {
        "minLength": 1,
        "maxLength": limits.client_message_id_characters,
        "pattern": "^[!-~]+$",
        "description": f"1 to {limits.client_message_id_characters} visible ASCII characters.",
    },
    "_command_id": lambda limits: {
        "maxLength": limits.command_id_characters,
        "description": f"At most {limits.command_id_characters} characters without lone surrogates.",
    },
    "_metadata": lambda limits: {
        "description": f"At most {limits.metadata_bytes} bytes of UTF-8 as compact JSON, without lone surrogates."
    },
    "_mentions": lambda limits: {
        "maxItems": limits.mentions,
        "uniqueItems": True,
        "description": f"At most {limits.mentions}, nobody twice.",
    },
    "_digits": lambda _: {"description": DIGITS},
    "_emoji": lambda _: {
        "minLength": 1,
        "maxLength": fields.MAX_EMOJI_BYTES,
        "pattern": TEXT,
        "description": (
            f"One character as people see it (an extended grapheme cluster, UAX #29) of at most "
            f"{fields.MAX_EMOJI_BYTES} bytes of UTF-8."
        ),
    },
}
"""What each validator of `core/protocol/fields.py` adds to the schema, by the function's name."""
NOT_NULL = "not_null"
"""The function there that refuses null."""


NULL_MEANS = {"retention_days"}
"""Fields of a change in which null is a value of its own."""


def not_null(schema: Json) -> Json:
    """The value as it is where it cannot be null."""
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {name: each for name, each in schema.items() if name != "anyOf"}
    if not options:
        return schema
    return {**options[0], **rest} if len(options) == 1 else {**rest, "anyOf": options}


def without_nulls(schema: Json) -> Json:
    """The object as it is where null is not taken for "not there"."""
    properties = schema["properties"].items()
    changed = {name: each if name in NULL_MEANS else not_null(each) for name, each in properties}
    return {**schema, "properties": changed}


def with_something(schema: Json) -> Json:
    """The object with one field at least."""
    return {**schema, "minProperties": 1}


MODEL_RULES: Mapping[str, Callable[[Json], Json]] = {"_no_nulls": without_nulls, "_something": with_something}
"""By name of a method in `core/protocol/requests.py` that validates a whole model."""
