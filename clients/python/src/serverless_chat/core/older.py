"""Pages before the marked start of a view."""

from __future__ import annotations

from dataclasses import dataclass, field

from .frames import FrameSender
from .outputs import JsonObject
from .retries import Random, RepeatedRequest
from .timeline import Timeline

OLDER_EVENTS = 50


@dataclass(slots=True)
class _Page:
    after: int
    events: list[JsonObject] = field(default_factory=list)

    @property
    def reached(self) -> int:
        """The last sequence id that the page has so far."""
        return self.events[-1]["sequence_id"] if self.events else self.after


class OlderPages:
    """Fetches one page at a time; an answer can be a part of it only."""

    def __init__(self, conversation_id: str, timeline: Timeline, sender: FrameSender, random: Random) -> None:
        self._conversation_id, self._timeline, self._sender = conversation_id, timeline, sender
        self._page: _Page | None = None
        self._request = RepeatedRequest(self._send, random)

    @property
    def is_wanted(self) -> bool:
        """Whether a page was requested, and is not there yet."""
        return self._page is not None

    def want(self) -> bool:
        """Request the page before the marked start; return whether there is one. `start` sends the frame."""
        start = self._timeline.start
        if start is None or start <= 1:
            return False
        if self._page is None:
            self._page = _Page(max(0, start - 1 - OLDER_EVENTS))
        return True

    def start(self, now: float) -> None:
        """Send the request, if a page is wanted and no answer is awaited."""
        if self._page is not None and not self._request.is_running:
            self._request.start(now)

    def forget(self) -> None:
        """Want nothing more: the view begins anew, or has ended."""
        self._page = None
        self._request.cancel()

    def disconnected(self) -> None:
        """Await no answer; the page is still wanted."""
        self._request.cancel()

    def is_answered_by(self, frame: JsonObject) -> bool:
        """Return whether a frame answers the request."""
        return self._page is not None and self._request.id is not None and frame.get("id") == self._request.id

    def failed(self, now: float, retry_after: float) -> None:
        """Send the request again after the backoff."""
        self._request.failed(now, retry_after)

    def hurry(self, now: float) -> None:
        """Send a request without an answer again."""
        self._request.hurry(now)

    def next_timer(self) -> float | None:
        """Return when `advance` has something to do."""
        return self._request.due

    def advance(self, now: float) -> None:
        """Let timers end."""
        self._request.advance(now)

    def answered(self, frame: JsonObject, now: float) -> list[JsonObject]:
        """Return the page, contiguous with the marked start, or nothing if a part of it is missing."""
        page, start = self._page, self._timeline.start
        self._request.answered()
        if page is None or start is None:
            return []
        last = page.reached
        if not frame.get("reset"):
            page.events += [event for event in frame["events"] if last < event["sequence_id"] < start]
        if page.reached < start - 1:
            again = self._request.start if page.reached > last else self._request.failed
            again(now)
            return []
        self._page = None
        return page.events

    def _send(self) -> str:
        after = self._page.reached if self._page else 0
        return self._sender.send("sync", conversation_id=self._conversation_id, after=after)
