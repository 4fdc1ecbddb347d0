"""The walk of all conversations, by the index of creation, and the heartbeat that shows whether it is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, Cursor
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.publishing import CursorStore, DeliveryQueue, EndpointStore, LagStore, ProgressStore
from chalicelib.core.publishing.purge_gate import behind
from chalicelib.core.publishing.wake_ups import WakeUps

PAGE = 25
STALE_AFTER = 20 * 3600 * 1000
"""Milliseconds without a heartbeat after which the stream may have lost records: it keeps them for 24 hours."""


class Walk:
    """Compares the heads of all conversations with the cursors of all enabled endpoints."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        event_log: EventLogStore,
        endpoints: EndpointStore,
        cursors: CursorStore,
        lags: LagStore,
        progress: ProgressStore,
        wake_ups: WakeUps,
        queue: DeliveryQueue,
        runtime: Runtime,
    ) -> None:
        self._conversations = conversations
        self._event_log = event_log
        self._endpoints = endpoints
        self._cursors = cursors
        self._lags = lags
        self._progress = progress
        self._wake_ups = wake_ups
        self._queue = queue
        self._runtime = runtime
        self._history_id = str(runtime.history_id)

    def request_walk(self) -> None:
        """Request a walk, because wake-ups may have been lost. The sweep runs it."""
        self._progress.request_walk()

    def request_now(self, seconds: float) -> None:
        """Request a walk, and begin it unless one is in progress: that is followed by this one."""
        is_running = bool(self._progress.walk().position)
        self._progress.request_walk()
        if not is_running:
            self.run_job(seconds)

    def run_job(self, seconds: float) -> None:
        """Walk for about `seconds`, and queue the rest. Raises Unavailable."""
        if self.resume(seconds):
            self._queue.send_walk()

    def resume(self, seconds: float) -> bool:
        """Begin or continue the walk that was requested, for about `seconds`; return whether more is left."""
        deadline = self._runtime.clock.monotonic() + seconds
        while (progress := self._progress.walk()).is_due:
            covers = progress.covers if progress.position else progress.requested
            position = self.run(progress.position)
            if not self._progress.save_walk(progress, position, covers):
                return False  # another process walks
            if self._runtime.clock.monotonic() >= deadline:
                return self._progress.walk().is_due
        return False

    def run(self, position: str) -> str:
        """Compare the page of conversations after `position`.

        Returns the last of them, empty after the last of all. Raises Unavailable.
        """
        if not position:
            self._forget_deleted(self._cursors.cursors(DEPLOYMENT_LOG))
            self._wake_ups.wake([DEPLOYMENT_LOG])
        page = self._conversations.created_after(position, PAGE)
        if page:
            self._compare(page)
        return page[-1] if len(page) == PAGE else ""

    def _compare(self, conversation_ids: Sequence[str]) -> None:
        heads = self._event_log.heads(conversation_ids)
        read = [functools.partial(self._cursors.cursors, conversation_id) for conversation_id in conversation_ids]
        found: dict[str, list[Cursor]] = dict(zip(conversation_ids, self._runtime.gather(*read), strict=True))
        self._forget_deleted(cursor for cursors in found.values() for cursor in cursors)
        enabled = [endpoint for endpoint in self._endpoints.endpoints() if endpoint.is_enabled]
        self._wake_ups.wake_pairs(
            (conversation_id, endpoint.endpoint_id)
            for conversation_id in conversation_ids
            for endpoint in behind(heads.get(conversation_id), found[conversation_id], enabled, self._history_id)
        )

    def _forget_deleted(self, cursors: Iterable[Cursor]) -> None:
        """Delete the cursors of deleted endpoints, with their lag notes."""
        is_deleted = functools.cache(self._endpoints.is_deleted)
        known = {endpoint.endpoint_id for endpoint in self._endpoints.endpoints()}
        for cursor in cursors:
            if cursor.endpoint_id not in known and is_deleted(cursor.endpoint_id):
                self._lags.clear(cursor.endpoint_id, cursor.conversation_id)
                self._cursors.forget(cursor.conversation_id, cursor.endpoint_id)


class Heartbeat:
    """A row that the sweep inserts, and that comes back through the stream as long as it loses nothing.

    One that came back from another stream, or in another history, says nothing about this one: so a walk follows
    the creation of a stream, and a restore.
    """

    def __init__(self, *, progress: ProgressStore, runtime: Runtime, stream: str) -> None:
        """`stream` is another text for each stream."""
        self._progress = progress
        self._source = f"{runtime.history_id} {stream}"
        self._clock = runtime.clock

    def beat(self) -> None:
        """Insert a heartbeat."""
        self._progress.beat(milliseconds(self._clock))

    def received(self, time: int) -> None:
        """Note a heartbeat that came back, by its time in milliseconds since the epoch."""
        self._progress.note_beat(time, self._source)

    def is_stale(self) -> bool:
        """Return whether none came back for 20 hours."""
        return milliseconds(self._clock) - self._progress.last_beat(self._source) >= STALE_AFTER
