"""The subscription of one conversation: keeps its timeline at the head of the log."""

from __future__ import annotations

from collections.abc import Iterable

from .frames import FrameSender, is_refusal
from .members import Members
from .older import OlderPages
from .options import GAP_PATIENCE, Options, position_save
from .outputs import Appended, Discarded, JsonObject, Outputs, Prepended, Replaced, SubscriptionEnded, Trimmed
from .retries import Random, RepeatedRequest
from .timeline import Timeline
from .view import View


class Subscription:
    """Subscribes, fills gaps by `sync`, and fetches older events; at most one request of each kind at a time."""

    def __init__(
        self,
        conversation_id: str,
        sender: FrameSender,
        outputs: Outputs,
        random: Random,
        options: Options = Options(),  # noqa: B008 -- it is immutable
    ) -> None:
        self.conversation_id = conversation_id
        self.timeline = Timeline()
        self.view = View()
        self.members = Members(conversation_id, outputs)
        self.older = OlderPages(conversation_id, self.timeline, sender, random)
        self.is_ended = False
        self._sender, self._outputs, self._options = sender, outputs, options
        self._is_subscribed = False
        self._asked_after: int | None = None
        self._gap_since: float | None = None
        self._fetched_older = 0
        self._taken: list[JsonObject] = []
        self._request = RepeatedRequest(self._send_request, random)

    @property
    def is_requesting(self) -> bool:
        """Whether an answer with events is awaited."""
        return self._request.is_running

    def resume(self, position: int) -> None:
        """Begin after a stored position instead of at the newest page."""
        self.timeline.resume(position)
        self._outputs.append(Replaced(self.conversation_id, self._sender.history_id or "", position + 1, ()))

    def widen(self, options: Options) -> None:
        """Do from now on what another caller wants, too."""
        former, self._options = self._options, self._options.widened(options)
        if self._options != former and self.timeline.is_loaded:
            self._save_position()

    def subscription_entry(self, frame_id: str, now: float) -> JsonObject:
        """Return the entry for the list of `hello`, whose answer has this id."""
        self._request.sent_as(frame_id, now)
        return {"conversation_id": self.conversation_id, **self._after()}

    def start(self, now: float) -> None:
        """Subscribe on an open connection."""
        self._request.start(now)

    def disconnected(self) -> None:
        """Await nothing more: the next connection subscribes again."""
        self._is_subscribed, self._gap_since = False, None
        self._request.cancel()
        self.older.disconnected()

    def history_changed(self) -> None:
        """Discard all events; `start` subscribes again."""
        was_loaded = self.timeline.is_loaded
        self.timeline.clear()
        self._begin_anew()
        self.members.read_up_to = 0
        if was_loaded:
            self._outputs.append(Discarded(self.conversation_id))

    def end(self, code: str) -> None:
        """Stop following the conversation."""
        self.disconnected()
        self.older.forget()
        self.is_ended = True
        self._outputs.append(SubscriptionEnded(self.conversation_id, code))

    def take_new_events(self) -> list[JsonObject]:
        """Return the events that came into the view since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def request_older(self, now: float) -> bool:
        """Fetch the events before the marked start; return whether there are any."""
        if self.is_ended or not self.older.want():
            return False
        if self._is_subscribed:
            self.older.start(now)
        return True

    def pushed(self, events: Iterable[JsonObject], now: float) -> None:
        """Apply pushed events."""
        self._apply(events, now)
        self._settle(now)

    def note_head(self, head: int, now: float) -> None:
        """React to the head of a `pong`: a higher one shows that a push was lost."""
        self.timeline.note_head(head)
        if self.timeline.is_behind and not self._request.is_running and self._is_subscribed:
            self._request.start(now)

    def replied(self, frame: JsonObject, now: float) -> None:
        """Apply a `subscribed` or a `sync`."""
        if self._request.id is not None and frame.get("id") == self._request.id:
            self._request.answered()
            self._is_subscribed, self._gap_since = True, None
            before = self.timeline.position
            self._take_page(frame, now)
            later = range(max(frame["head"] + 1, self.timeline.start or 1), self.timeline.position + 1)
            self.members.load(frame, [self.timeline.events[number] for number in later], now)
            self.older.start(now)
            self._settle(now, has_more=bool(frame["has_more"]) and self.timeline.position > before)
        elif self.older.is_answered_by(frame):
            self._take_older(self.older.answered(frame, now))
        elif not frame.get("reset"):  # late or doubled, but its events are those of the log
            self.timeline.note_head(frame["head"])
            self.pushed(frame["events"], now)

    def failed(self, error: JsonObject, now: float) -> None:
        """React to an error: repeat the request unless the error is final."""
        retry_after = error.get("retry_after") or 0.0
        if self.older.is_answered_by(error):
            self.older.failed(now, retry_after)
        elif self._request.id is not None and error.get("id") == self._request.id:
            if is_refusal(error):
                self.end(error["code"])
            else:
                self._request.failed(now, retry_after)

    def hurry(self, now: float) -> None:
        """Repeat requests without an answer at once."""
        self._request.hurry(now)
        self.older.hurry(now)
        self.note_head(self.timeline.head, now)

    def next_timer(self) -> float | None:
        """Return when `advance` has something to do."""
        gap = None if self._gap_since is None else self._gap_since + GAP_PATIENCE
        timers = (gap, self._request.due, self.older.next_timer(), self.members.next_timer())
        return min((timer for timer in timers if timer is not None), default=None)

    def advance(self, now: float) -> None:
        """Let timers end."""
        self._request.advance(now)
        self.older.advance(now)
        self.members.advance(now)
        if self._gap_since is not None and now >= self._gap_since + GAP_PATIENCE:
            self._gap_since = None
            if not self._request.is_running:
                self._request.start(now)

    def _is_far_behind(self) -> bool:
        missed, limit = self.timeline.head - self.timeline.position, self._options.max_catch_up
        return limit is not None and missed > limit

    def _after(self) -> JsonObject:
        """Return the position to subscribe from, or nothing for the newest page."""
        is_wanted = self.timeline.is_loaded and not self._is_far_behind()
        self._asked_after = self.timeline.position if is_wanted else None
        return {} if self._asked_after is None else {"after": self._asked_after}

    def _send_request(self) -> str:
        after = self._after()
        kind = "sync" if self._is_subscribed and after else "subscribe"
        return self._sender.send(kind, conversation_id=self.conversation_id, **after)

    def _take_page(self, frame: JsonObject, now: float) -> None:
        events, head = frame["events"], frame["head"]
        first = events[0]["sequence_id"] if events else head + 1
        if frame.get("reset"):
            self.timeline.clear()
        is_connected = self.timeline.is_loaded and first <= self.timeline.position + 1
        if is_connected or (self._asked_after is not None and not frame.get("reset")):
            self.timeline.note_head(head)
            self._apply(events, now)
        else:
            self._begin_anew()
            self._show(Replaced, self.timeline.load(first, events, head))

    def _begin_anew(self) -> None:
        self.view.clear()
        self.members.clear()
        self.older.forget()
        self._taken = []
        self._gap_since, self._fetched_older = None, 0
        self._request.cancel()

    def _take_older(self, events: list[JsonObject]) -> None:
        if not events:
            return
        self.timeline.prepend(events)
        self.view.add(events)
        self._taken += events
        self._fetched_older += len(events)
        self._outputs.append(Prepended(self.conversation_id, tuple(events)))

    def _apply(self, events: Iterable[JsonObject], now: float) -> None:
        if applied := self.timeline.apply(events):
            self._show(Appended, applied)
            self.members.apply(applied, now)
            self._trim()

    def _show(self, kind: type[Appended | Replaced], events: list[JsonObject]) -> None:
        """Notify first, and save the position after that: a restart repeats events rather than skip them."""
        self.view.add(events)
        self._taken += events
        if kind is Replaced:
            place = (self._sender.history_id or "", self.timeline.start or 0)
            self._outputs.append(Replaced(self.conversation_id, *place, tuple(events)))
        else:
            self._outputs.append(Appended(self.conversation_id, tuple(events)))
        self._save_position()

    def _save_position(self) -> None:
        if self._options.saves_position:
            position, history_id = self.timeline.position, self._sender.history_id or ""
            self._outputs.append(position_save(self.conversation_id, position, history_id))

    def _trim(self) -> None:
        """Keep the window; by a quarter at a time, so that not every event moves the start."""
        window = self._options.window
        if window is None or self.older.is_wanted:
            return
        kept = window + self._fetched_older
        if len(self.timeline.events) > kept + window // 4:
            self.view.remove(self.timeline.trim(kept))
            self._outputs.append(Trimmed(self.conversation_id, self.timeline.start or 0))

    def _settle(self, now: float, has_more: bool = False) -> None:
        """Fetch missing events: at once if the server has more, else if the gap stays open."""
        if not self.timeline.is_behind:
            self._gap_since = None
        elif self._request.is_running or not self._is_subscribed:
            pass  # its answer comes back here
        elif has_more or self._is_far_behind():
            self._request.start(now)
        elif self._gap_since is None:
            self._gap_since = now
