"""The feed: frames about all conversations, for a connection that asks for them."""

from __future__ import annotations

from .frames import FrameSender
from .outputs import JsonObject
from .retries import Random, RepeatedRequest


class Feed:
    """Asks for the feed by the first `hello` of each connection, and on an open connection by a further one."""

    def __init__(self, sender: FrameSender, random: Random) -> None:
        self._is_wanted = False
        self._request = RepeatedRequest(lambda: sender.send("hello", feed=True), random)

    @property
    def due(self) -> float | None:
        """When `advance` has something to do."""
        return self._request.due

    def want(self, now: float, is_open: bool) -> None:
        """Ask for the feed from here on."""
        if not self._is_wanted and is_open:
            self._request.start(now)
        self._is_wanted = True

    def hello_fields(self) -> JsonObject:
        """Return the fields for the first `hello` of a connection."""
        return {"feed": True} if self._is_wanted else {}

    def welcomed(self, welcome: JsonObject, now: float) -> None:
        """Ask again if the feed was wanted after the `hello` that is answered here."""
        if self._request.id is not None and welcome.get("id") == self._request.id:
            self._request.answered()
        elif self._is_wanted and not welcome.get("feed") and not self._request.is_running:
            self._request.start(now)

    def failed(self, error: JsonObject, now: float) -> bool:
        """Ask again after an error; return whether it was the answer."""
        if self._request.id is None or error.get("id") != self._request.id:
            return False
        self._request.failed(now, error.get("retry_after") or 0.0)
        return True

    def disconnected(self) -> None:
        """Await no answer any more."""
        self._request.cancel()

    def advance(self, now: float) -> None:
        """Repeat a request without an answer."""
        self._request.advance(now)
