r"""JSON as it comes from clients and goes back to them (RFC 8259, read strictly).

Refused on the way in: what is no UTF-8, NaN and infinities (RFC 8259 §6), duplicate keys (§4 leaves their
meaning open), more than `MAX_DEPTH` levels, and numbers too large for a double. On the way out
characters stand as themselves, without `\u` escapes, and without blanks.
"""

from __future__ import annotations

import json
import math
from typing import Any

from chalicelib.core.kernel.errors import InvalidJson

MAX_DEPTH = 64
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> str:
    """`value` as compact JSON text."""
    return _ENCODER.encode(value)


def size(value: Any) -> int:
    """The number of UTF-8 bytes of `value` as compact JSON. Raises UnicodeEncodeError on a lone surrogate."""
    return len(dumps(value).encode())


def parse(text: str | bytes) -> Any:
    """The value of a JSON text from a client.

    Raises:
        InvalidJson: it is not JSON, or of a kind that is refused (see the module's text).
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise InvalidJson("The JSON is nested too deep.") from None
    except _Refused as refused:
        raise InvalidJson(str(refused)) from None
    except ValueError:
        raise InvalidJson from None
    if _deeper_than(value, MAX_DEPTH):
        raise InvalidJson(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    return value


class _Refused(ValueError):
    """JSON by the grammar, but of a kind that we refuse."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("An object has the same key twice.")
    return found


def _no_constant(name: str) -> Any:
    raise _Refused("NaN and Infinity are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused("A number is too large.")
    return number


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for each in level for child in _children(each)]
    return any(isinstance(each, dict | list) for each in level)


def _children(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in found if isinstance(child, dict | list)]
