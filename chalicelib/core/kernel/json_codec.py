r"""A strict JSON parser, and a compact encoder (RFC 8259).

The parser rejects invalid UTF-8, NaN and infinities (section 6), duplicate names (section 4 leaves their meaning
open), more than `MAX_DEPTH` levels, and numbers beyond a double. The encoder writes no blanks, and all characters
as themselves, without `\u` escapes.
"""

from __future__ import annotations

import json
import math
from typing import Any

from chalicelib.core.kernel.errors import InvalidJson

MAX_DEPTH = 64
_SAFE_DIGITS = 300
"""A whole number of so many characters is within the range of a double."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> str:
    """Return `value` as compact JSON."""
    return _ENCODER.encode(value)


def size(value: Any) -> int:
    """Return the UTF-8 bytes that `value` takes as compact JSON. Raises UnicodeEncodeError on a lone surrogate."""
    return len(dumps(value).encode())


def parse(text: str | bytes) -> Any:
    """Return the value of a JSON text. Bytes are read as UTF-8.

    Raises:
        InvalidJson: the text is not valid JSON, or has something that this parser rejects.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except RecursionError:
        raise InvalidJson("The JSON is nested too deeply.") from None
    except _Rejected as rejected:
        raise InvalidJson(str(rejected)) from None
    except ValueError:
        raise InvalidJson from None
    if _deeper_than(value, MAX_DEPTH):
        raise InvalidJson(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    return value


class _Rejected(ValueError):
    """The text is JSON by the grammar, but has something that the parser rejects."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Rejected("An object has the same name twice.")
    return found


def _no_constant(name: str) -> Any:
    raise _Rejected("NaN and Infinity are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Rejected("A number is too large.")
    return number


def _whole(digits: str) -> int:
    number = int(digits)
    if len(digits) > _SAFE_DIGITS:
        try:
            float(number)
        except OverflowError:
            raise _Rejected("A number is too large.") from None
    return number


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent)]
    return any(isinstance(child, dict | list) for child in level)


def _children(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in found if isinstance(child, dict | list)]
