"""The subscription of one conversation: keeps its timeline at the head of the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .frames import FrameSender, is_refusal
from .outputs import Appended, Discarded, JsonObject, Outputs, Prepended, Replaced, Save, SubscriptionEnded
from .retries import Random, RepeatedRequest
from .timeline import Timeline
from .view import View

GAP_PATIENCE = 0.25
"""How many seconds a gap may stay open before `sync`: pushes overtake each other."""
MAX_CATCH_UP = 500
"""How many missed events are fetched. After more of them, the view begins anew at the newest page."""
OLDER_EVENTS = 50
POSITION_KEY = "position/"


@dataclass(slots=True)
class _OlderPage:
    after: int
    events: list[JsonObject] = field(default_factory=list)

    @property
    def reached(self) -> int:
        """The last sequence id that the page has so far."""
        return self.events[-1]["sequence_id"] if self.events else self.after


class Subscription:
    """Subscribes, fills gaps by `sync`, and fetches older events; at most one request of each kind at a time."""

    def __init__(self, conversation_id: str, sender: FrameSender, outputs: Outputs, random: Random) -> None:
        self.conversation_id = conversation_id
        self.timeline = Timeline()
        self.view = View()
        self.is_ended = False
        self._sender, self._outputs = sender, outputs
        self._is_subscribed = False
        self._asked_after: int | None = None
        self._gap_since: float | None = None
        self._older: _OlderPage | None = None
        self._taken: list[JsonObject] = []
        self._request = RepeatedRequest(self._send_request, random)
        self._older_request = RepeatedRequest(self._send_older, random)

    def resume(self, position: int) -> None:
        """Begin after a stored position instead of at the newest page."""
        self.timeline.resume(position)
        self._outputs.append(Replaced(self.conversation_id, self._sender.history_id or "", position + 1, ()))

    def subscription_entry(self, frame_id: str, now: float) -> JsonObject:
        """Return the entry for the list of `hello`, whose answer has this id."""
        self._request.sent_as(frame_id, now)
        return {"conversation_id": self.conversation_id, **self._after()}

    def start(self, now: float) -> None:
        """Subscribe on an open connection."""
        self._request.start(now)

    def connected(self, now: float) -> None:
        """Ask again for the older page that the former connection did not bring."""
        if self._older is not None:
            self._older_request.start(now)

    def disconnected(self) -> None:
        """Await nothing more: the next connection subscribes again."""
        self._is_subscribed, self._gap_since = False, None
        self._request.cancel()
        self._older_request.cancel()

    def history_changed(self) -> None:
        """Discard all events; `start` subscribes again."""
        was_loaded = self.timeline.is_loaded
        self.timeline.clear()
        self._begin_anew()
        if was_loaded:
            self._outputs.append(Discarded(self.conversation_id))

    def end(self, code: str) -> None:
        """Stop following the conversation."""
        self.disconnected()
        self.is_ended, self._older = True, None
        self._outputs.append(SubscriptionEnded(self.conversation_id, code))

    def take_new_events(self) -> list[JsonObject]:
        """Return the events that came into the view since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def request_older(self, now: float) -> bool:
        """Fetch the events before the marked start; return whether there are any."""
        start = self.timeline.start
        if start is None or start <= 1 or self.is_ended:
            return False
        if self._older is None:
            self._older = _OlderPage(max(0, start - 1 - OLDER_EVENTS))
            if self._is_subscribed:
                self._older_request.start(now)
        return True

    def pushed(self, events: Iterable[JsonObject], now: float) -> None:
        """Apply pushed events."""
        self._apply(events)
        self._settle(now)

    def note_head(self, head: int, now: float) -> None:
        """React to the head of a `pong`: a higher one shows that a push was lost."""
        self.timeline.note_head(head)
        if self.timeline.is_behind and not self._request.is_running and self._is_subscribed:
            self._request.start(now)

    def replied(self, frame: JsonObject, now: float) -> None:
        """Apply a `subscribed` or a `sync`."""
        if frame.get("id") == self._request.id:
            self._request.answered()
            self._is_subscribed, self._gap_since = True, None
            before = self.timeline.position
            self._take_page(frame)
            self._settle(now, has_more=bool(frame["has_more"]) and self.timeline.position > before)
        elif self._older is not None and frame.get("id") == self._older_request.id:
            self._take_older(frame, now)
        elif not frame.get("reset"):  # late or doubled, but its events are those of the log
            self.timeline.note_head(frame["head"])
            self.pushed(frame["events"], now)

    def failed(self, error: JsonObject, now: float) -> None:
        """React to an error: repeat the request unless the error is final."""
        retry_after = error.get("retry_after") or 0.0
        if error.get("id") == self._older_request.id:
            self._older_request.failed(now, retry_after)
        elif error.get("id") == self._request.id:
            if is_refusal(error):
                self.end(error["code"])
            else:
                self._request.failed(now, retry_after)

    def hurry(self, now: float) -> None:
        """Repeat requests without an answer at once."""
        self._request.hurry(now)
        self._older_request.hurry(now)
        self.note_head(self.timeline.head, now)

    def next_timer(self) -> float | None:
        """Return when `advance` has something to do."""
        gap = None if self._gap_since is None else self._gap_since + GAP_PATIENCE
        timers = [timer for timer in (gap, self._request.due, self._older_request.due) if timer is not None]
        return min(timers, default=None)

    def advance(self, now: float) -> None:
        """Let timers end."""
        self._request.advance(now)
        self._older_request.advance(now)
        if self._gap_since is not None and now >= self._gap_since + GAP_PATIENCE:
            self._gap_since = None
            if not self._request.is_running:
                self._request.start(now)

    def _after(self) -> JsonObject:
        """Return the position to subscribe from, or nothing for the newest page."""
        timeline = self.timeline
        is_far_behind = timeline.head - timeline.position > MAX_CATCH_UP
        self._asked_after = timeline.position if timeline.is_loaded and not is_far_behind else None
        return {} if self._asked_after is None else {"after": self._asked_after}

    def _send_request(self) -> str:
        after = self._after()
        kind = "sync" if self._is_subscribed and after else "subscribe"
        return self._sender.send(kind, conversation_id=self.conversation_id, **after)

    def _send_older(self) -> str:
        after = self._older.reached if self._older else 0
        return self._sender.send("sync", conversation_id=self.conversation_id, after=after)

    def _take_page(self, frame: JsonObject) -> None:
        events, head = frame["events"], frame["head"]
        first = events[0]["sequence_id"] if events else head + 1
        if frame.get("reset"):
            self.timeline.clear()
        is_connected = self.timeline.is_loaded and first <= self.timeline.position + 1
        if is_connected or (self._asked_after is not None and not frame.get("reset")):
            self.timeline.note_head(head)
            self._apply(events)
        else:
            self._begin_anew()
            self._show(Replaced, self.timeline.load(first, events, head))

    def _begin_anew(self) -> None:
        self.view.clear()
        self._taken = []
        self._older, self._gap_since = None, None
        self._request.cancel()
        self._older_request.cancel()

    def _take_older(self, frame: JsonObject, now: float) -> None:
        self._older_request.answered()
        older, start = self._older, self.timeline.start
        if frame.get("reset") or older is None or start is None:
            self._older = None
            return
        last = older.reached
        older.events += [event for event in frame["events"] if last < event["sequence_id"] < start]
        if older.reached < start - 1:
            again = self._older_request.start if older.reached > last else self._older_request.failed
            again(now)
            return
        self._older = None
        self.timeline.prepend(older.events)
        self.view.add(older.events)
        self._taken += older.events
        self._outputs.append(Prepended(self.conversation_id, tuple(older.events)))

    def _apply(self, events: Iterable[JsonObject]) -> None:
        if applied := self.timeline.apply(events):
            self._show(Appended, applied)

    def _show(self, kind: type[Appended | Replaced], events: list[JsonObject]) -> None:
        """Notify first, and save the position after that: a restart repeats events rather than skip them."""
        self.view.add(events)
        self._taken += events
        history_id = self._sender.history_id or ""
        if kind is Replaced:
            start = self.timeline.start or 0
            self._outputs.append(Replaced(self.conversation_id, history_id, start, tuple(events)))
        else:
            self._outputs.append(Appended(self.conversation_id, tuple(events)))
        position = {"sequence_id": self.timeline.position, "history_id": history_id}
        self._outputs.append(Save(POSITION_KEY + self.conversation_id, position))

    def _settle(self, now: float, has_more: bool = False) -> None:
        """Fetch missing events: at once if the server has more, else if the gap stays open."""
        timeline = self.timeline
        if not timeline.is_behind:
            self._gap_since = None
        elif self._request.is_running or not self._is_subscribed:
            pass  # its answer comes back here
        elif has_more or timeline.head - timeline.position > MAX_CATCH_UP:
            self._request.start(now)
        elif self._gap_since is None:
            self._gap_since = now
