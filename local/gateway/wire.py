"""Conversion of HTTP headers and query strings to the fields of an event.

``headers`` and ``queryStringParameters`` contain the last value of a name, their ``multiValue`` counterparts all
values. Names keep the client's spelling; API Gateway adds the trace id and the forwarding headers.
"""

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

Pairs = list[tuple[str, str]]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def single_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the last value of each name."""
    return {name: values[-1] for name, values in multi_values(pairs).items()}


def multi_values(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return all values of each name, in order. Names are case-sensitive here."""
    values_by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        values_by_name.setdefault(name, []).append(value)
    return values_by_name


def exclude_names(pairs: Pairs, names: frozenset[str]) -> Pairs:
    """Return the pairs whose lower-case name is not in ``names``."""
    return [(name, value) for name, value in pairs if name.lower() not in names]


def find_header(pairs: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the last value of a header, ignoring case."""
    values = [value for key, value in pairs if key.lower() == name.lower()]
    return values[-1] if values else None


def add_forwarding_headers(pairs: Pairs, *, trace: str, source_ip: str, port: int) -> Pairs:
    """Return the client's headers with those that API Gateway adds; ``X-Forwarded-For`` is extended."""
    client_value = find_header(pairs, "X-Forwarded-For")
    kept = exclude_names(pairs, frozenset({"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}))
    if find_header(kept, "X-Amzn-Trace-Id") is None:
        kept.append(("X-Amzn-Trace-Id", trace))
    return [
        *kept,
        ("X-Forwarded-For", f"{client_value}, {source_ip}" if client_value else source_ip),
        ("X-Forwarded-Port", str(port)),
        ("X-Forwarded-Proto", "http"),
    ]


def parse_query(query: str) -> Pairs:
    """Return the decoded pairs of a query string, including empty values."""
    return parse_qsl(query, keep_blank_values=True)


def clf_time(milliseconds: int) -> str:
    """Format a time as in ``requestTime``: ``11/Nov/2024:13:45:46 +0000``, in English in any locale."""
    return _clf_time(milliseconds // 1000)


@functools.lru_cache(maxsize=4)
def _clf_time(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day:02d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


def iso_time(milliseconds: int) -> str:
    """Format a time as in ``@connections``: ISO 8601 with milliseconds and ``Z``."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
