"""Requests by HTTP that wait for their answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import api as asynchronous
from ..core.outputs import JsonObject
from .loop_thread import LoopThread


class Api:
    """The HTTP API of one server; each request returns its body, or raises RefusedError or UnavailableError."""

    def __init__(self, loop: LoopThread, api: asynchronous.Api) -> None:
        self._loop, self._api = loop, api

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> JsonObject:
        """Return the body of a GET request; it is repeated after transient errors."""
        return self._loop.run(self._api.get(path, query))

    def create_once(self, path: str, body: JsonObject, key: str | None = None) -> JsonObject:
        """Return the body of a creation with an idempotency key: it is repeated, and creates once."""
        return self._loop.run(self._api.create_once(path, body, key))

    def repeat(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, Any] | None = None
    ) -> JsonObject:
        """Return the body of an idempotent request; it is repeated after transient errors."""
        return self._loop.run(self._api.repeat(method, path, body, query))

    def request(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, Any] | None = None
    ) -> JsonObject:
        """Return the body of one request, which is not repeated: most of them are not idempotent."""
        return self._loop.run(self._api.request(method, path, body, query))
