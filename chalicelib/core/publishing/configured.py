"""Endpoints of the settings: their definitions come from there, and the store keeps their state.

CHAT_ENDPOINTS=[{"url": "https://hooks.example.com/chat", "secret_parameter": "/chat/hook", "types": ["message"]},
{"event_bus": "product", "thin": true}]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import InvalidJson
from chalicelib.core.kernel.ids import url_safe_digest
from chalicelib.core.model.publishing import EVENT_TYPE, MAX_TYPES, Endpoint
from chalicelib.core.model.webhook_url import parse_webhook_url
from chalicelib.core.ports.publishing import EndpointStore

_FIELDS = {"url", "event_bus", "secret_parameter", "types", "thin", "notify", "start", "description"}
_DEFINITION = ("kind", "url", "start", "types", "is_thin", "notify", "secret_parameter", "description")
"""The fields that the settings decide."""


def parse_endpoints(text: str, *, local: bool = False) -> list[Endpoint]:
    """Return the endpoints of `CHAT_ENDPOINTS`. Raises ValueError, which names the entry by its number."""
    try:
        entries = json_codec.parse(text.encode()) if text else []
    except InvalidJson:
        raise ValueError("CHAT_ENDPOINTS must be JSON") from None
    if not isinstance(entries, list):
        raise ValueError("CHAT_ENDPOINTS must be a list")
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(_parse(entry, local=local))
        except ValueError as error:
            raise ValueError(f"CHAT_ENDPOINTS: entry {number} {error}") from None
    if len({endpoint.endpoint_id for endpoint in found}) < len(found):
        raise ValueError("CHAT_ENDPOINTS has an endpoint twice")
    return found


def _parse(entry: Any, *, local: bool) -> Endpoint:
    if not isinstance(entry, dict) or not entry.keys() <= _FIELDS:
        raise ValueError(f"must be an object with fields of {', '.join(sorted(_FIELDS))}")
    types, start = entry.get("types", []), entry.get("start", "now")
    thin, notify = entry.get("thin", False), entry.get("notify", False)
    if not isinstance(types, list) or not all(isinstance(kind, str) for kind in types):
        raise ValueError("has types that are not a list of texts")
    if len(types) > MAX_TYPES or not all(re.fullmatch(EVENT_TYPE, kind) for kind in types):
        raise ValueError(f"must have at most {MAX_TYPES} types, in lower case as in message_edited")
    if not isinstance(thin, bool) or not isinstance(notify, bool) or start not in ("now", "beginning"):
        raise ValueError("must have true or false in thin and notify, and now or beginning in start")
    url, bus, parameter = (str(entry.get(name, "")) for name in ("url", "event_bus", "secret_parameter"))
    if bool(url) == bool(bus) or bool(url) != bool(parameter):
        raise ValueError("must have url and secret_parameter, or event_bus")
    if bus and notify:
        raise ValueError("must have a url for notify: an event bus can repeat and reorder what it sends")
    if url:
        try:
            parse_webhook_url(url, local=local)
        except ValueError as error:
            raise ValueError(f"has a url that {error}") from None
    return Endpoint(
        endpoint_id=f"ep_{url_safe_digest(url or bus, 16)}",
        kind="webhook" if url else "eventbridge",
        url=url or bus,
        created_at=0,
        start=start,
        types=frozenset(types),
        is_thin=thin,
        notify=notify,
        secret_parameter=parameter or None,
        description=str(entry.get("description", "")),
    )


class ConfiguredEndpoints:
    """The `EndpointStore` of a deployment: the endpoints of the settings, and those that services created.

    An endpoint of the settings gets a row at its first use, and is ignored when it is no longer in the settings.
    """

    def __init__(self, stored: EndpointStore, configured: Sequence[Endpoint], clock: Clock) -> None:
        self._stored = stored
        self._configured = {endpoint.endpoint_id: endpoint for endpoint in configured}
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, in the order of their creation."""
        found = self._stored.endpoints()
        missing = self._configured.keys() - {endpoint.endpoint_id for endpoint in found}
        for endpoint_id in sorted(missing):
            new = self._configured[endpoint_id]._replace(created_at=milliseconds(self._clock))
            self._stored.save(new, walks=new.start == "beginning")
        if missing:
            found = self._stored.endpoints()
        return [endpoint for endpoint in map(self._defined, found) if endpoint is not None]

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint."""
        found = self._stored.endpoint(endpoint_id)
        return None if found is None else self._defined(found)

    def is_deleted(self, endpoint_id: str) -> bool:
        """Return whether there is no row: while a stage is deployed, functions have different settings."""
        return self._stored.is_deleted(endpoint_id)

    def save(self, endpoint: Endpoint, *, walks: bool = False) -> bool:
        """Write an endpoint with `version + 1`; return False if the present version is not `endpoint.version`."""
        return self._stored.save(endpoint, walks=walks)

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint."""
        self._stored.delete(endpoint_id)

    def _defined(self, stored: Endpoint) -> Endpoint | None:
        """Return a row as the settings define it, None if it is an endpoint of earlier settings."""
        configured = self._configured.get(stored.endpoint_id)
        if configured is None:
            return None if stored.is_configured else stored
        return stored._replace(**{name: getattr(configured, name) for name in _DEFINITION})
