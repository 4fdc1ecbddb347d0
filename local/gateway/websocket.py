"""The parts of a WebSocket API, and the selection of a message's route.

Source: "Working with routes for WebSocket APIs" in the API Gateway developer guide: the route selection
expression extracts values from the JSON body, its result is compared as a string with the route keys, and a
message without a match (other JSON, or not JSON) uses ``$default``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.gateway.functions import Handler
from local.gateway.wire import Pairs, find_header

DEFAULT_ROUTE = "$default"
_PATH = r"request\.body((?:\.[A-Za-z0-9_-]+)+)"
_SINGLE_VALUE = re.compile(rf"\${_PATH}")
_PLACEHOLDER = re.compile(rf"\$\{{{_PATH}\}}")
_IDENTITY_SOURCE = re.compile(r"route\.request\.(header|querystring)\.(.+)")


@dataclass(frozen=True)
class RequestAuthorizer:
    """The Lambda authorizer (type REQUEST) on ``$connect``.

    ``identity_sources`` are ``route.request.header.NAME`` and ``route.request.querystring.NAME``; if one of them
    is missing or empty in a handshake, the response is 401 and the authorizer is not invoked.

    Raises:
        ValueError: An identity source has another form.
    """

    handler: Handler
    identity_sources: tuple[str, ...] = ()
    name: str = "websocket_authorizer"

    def __post_init__(self) -> None:
        for source in self.identity_sources:
            if not _IDENTITY_SOURCE.fullmatch(source):
                raise ValueError(f"{source!r} is not route.request.header.NAME or …querystring.NAME")

    def has_identity(self, headers: Pairs, query: Pairs) -> bool:
        """Return whether every identity source is present and not empty."""
        return all(self._value(source, headers, query) for source in self.identity_sources)

    @staticmethod
    def _value(source: str, headers: Pairs, query: Pairs) -> str | None:
        _, _, place, name = source.split(".", 3)
        return find_header(headers, name) if place == "header" else dict(query).get(name)


@dataclass(frozen=True)
class WebSocketApi:
    """A WebSocket API: functions by route key. ``connect`` and ``disconnect`` are optional, as on AWS.

    Raises:
        ValueError: A custom route key starts with ``$``, or the route selection expression is unsupported.
    """

    default: Handler | None = None
    connect: Handler | None = None
    disconnect: Handler | None = None
    routes: Mapping[str, Handler] = field(default_factory=dict)
    authorizer: RequestAuthorizer | None = None
    route_selection_expression: str = "$request.body.action"
    function_names: Mapping[str, str] = field(default_factory=dict)
    """Route key → function name in the Lambda context, if it is not Chalice's default."""

    def __post_init__(self) -> None:
        for key in self.routes:
            if key.startswith("$"):
                raise ValueError(f"route key {key!r} is reserved: custom route keys do not start with $")
        if not _PLACEHOLDER.search(self.route_selection_expression) and not _SINGLE_VALUE.fullmatch(
            self.route_selection_expression
        ):
            raise ValueError(f"{self.route_selection_expression!r} is not a route selection expression")

    def function_name(self, route_key: str) -> str:
        """Return the name of a route's function in the Lambda context."""
        chalice = {"$connect": "websocket_connect", "$disconnect": "websocket_disconnect"}
        return self.function_names.get(route_key, chalice.get(route_key, "websocket_message"))

    def select(self, body: str) -> tuple[str, Handler | None]:
        """Return the route key and function for a message; the function is None without a ``$default``."""
        key = self._evaluate(body)
        if key is not None and key in self.routes:
            return key, self.routes[key]
        return DEFAULT_ROUTE, self.default

    def _evaluate(self, body: str) -> str | None:
        if not self.routes:
            return None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return None
        whole = _SINGLE_VALUE.fullmatch(self.route_selection_expression)
        if whole is not None:
            return _look_up(document, whole[1])
        parts = [_look_up(document, match[1]) for match in _PLACEHOLDER.finditer(self.route_selection_expression)]
        if None in parts:
            return None
        values = iter(parts)
        return _PLACEHOLDER.sub(lambda _match: next(values) or "", self.route_selection_expression)


def _look_up(document: Any, path: str) -> str | None:
    """Return the value at ``.a.b`` as a string, or None if it is missing or null."""
    for name in path[1:].split("."):
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    if isinstance(document, list):
        return f"[{', '.join(_as_text(item) for item in document)}]"
    return None if document is None else _as_text(document)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
