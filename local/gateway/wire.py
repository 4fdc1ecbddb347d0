"""How a request on the wire becomes the header and query fields of an event.

``headers`` and ``queryStringParameters`` hold the last value of a name, their ``multiValue`` twins all of
them. Names keep the client's spelling; API Gateway adds the trace id and the forwarding headers.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

Pairs = list[tuple[str, str]]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def single_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each name with its last value."""
    return {name: values[-1] for name, values in multi_values(pairs).items()}


def multi_values(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each name with all its values in order. Names are gathered exactly as they are spelled."""
    values_by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        values_by_name.setdefault(name, []).append(value)
    return values_by_name


def exclude_names(pairs: Pairs, names: frozenset[str]) -> Pairs:
    """The pairs whose name (in lower case) is not one of ``names``."""
    return [(name, value) for name, value in pairs if name.lower() not in names]


def find_header(pairs: Iterable[tuple[str, str]], name: str) -> str | None:
    """The last value of a header, looked up without case."""
    values = [value for key, value in pairs if key.lower() == name.lower()]
    return values[-1] if values else None


def add_forwarding_headers(pairs: Pairs, *, trace: str, source_ip: str, port: int) -> Pairs:
    """The client's headers with what API Gateway adds; an own ``X-Forwarded-For`` is extended."""
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
    """The decoded pairs of a query string, empty values included."""
    return parse_qsl(query, keep_blank_values=True)


def clf_time(milliseconds: int) -> str:
    """A time as ``requestTime`` shows it: ``11/Nov/2024:13:45:46 +0000``, in English in any locale."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment.day:02d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


def iso_time(milliseconds: int) -> str:
    """A time as ``@connections`` shows it: ISO 8601 with milliseconds and ``Z``."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
