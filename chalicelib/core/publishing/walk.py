"""The walk of all conversations, by the index of creation, and the heartbeat that shows whether it is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.publishing import Cursor, Endpoint
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.publishing import CursorStore, EndpointStore, LagStore, ProgressStore
from chalicelib.core.publishing.logs import NOW_SKEW
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
        runtime: Runtime,
    ) -> None:
        self._conversations = conversations
        self._event_log = event_log
        self._endpoints = endpoints
        self._cursors = cursors
        self._lags = lags
        self._progress = progress
        self._wake_ups = wake_ups
        self._runtime = runtime
        self._history_id = str(runtime.history_id)

    def request_walk(self) -> None:
        """Request a walk, because wake-ups may have been lost. The sweep runs it."""
        self._progress.request_walk()

    def request_now(self, seconds: float) -> None:
        """Request a walk and run it, unless one is due already: then the process that runs it runs this one, too."""
        is_due = self._progress.walk().is_due
        self._progress.request_walk()
        if not is_due:
            self.resume(seconds)

    def resume(self, seconds: float) -> None:
        """Begin or continue the walk that was requested, for about `seconds`."""
        deadline = self._runtime.clock.monotonic() + seconds
        while (progress := self._progress.walk()).is_due:
            covers = progress.covers if progress.position else progress.requested
            position = self.run(progress.position, 0.0)
            if not self._progress.save_walk(progress, position, covers):
                return  # another process walks
            if self._runtime.clock.monotonic() >= deadline:
                return

    def run(self, position: str, seconds: float) -> str:
        """Walk from the conversation after `position`, for about `seconds` but at least a page.

        Returns the last conversation that was compared, empty after the last of all. Raises Unavailable.
        """
        deadline = self._runtime.clock.monotonic() + seconds
        while True:
            page = self._conversations.created_after(position, PAGE)
            if page:
                self._compare(page)
            if len(page) < PAGE:
                return ""
            position = page[-1]
            if self._runtime.clock.monotonic() >= deadline:
                return position

    def _compare(self, conversation_ids: Sequence[str]) -> None:
        endpoints = {endpoint.endpoint_id: endpoint for endpoint in self._endpoints.endpoints()}
        heads = self._event_log.heads(conversation_ids)
        read = [functools.partial(self._cursors.cursors, conversation_id) for conversation_id in conversation_ids]
        found: dict[str, list[Cursor]] = dict(zip(conversation_ids, self._runtime.gather(*read), strict=True))
        for cursor in (cursor for cursors in found.values() for cursor in cursors):
            if cursor.endpoint_id not in endpoints:
                self._lags.clear(cursor.endpoint_id, cursor.conversation_id)
                self._cursors.forget(cursor.conversation_id, cursor.endpoint_id)
        enabled = [endpoint for endpoint in endpoints.values() if endpoint.is_enabled]
        self._wake_ups.wake_pairs(
            (conversation_id, endpoint.endpoint_id)
            for conversation_id in conversation_ids
            for endpoint in self._behind(heads.get(conversation_id), found[conversation_id], enabled)
        )

    def _behind(
        self, head: Head | None, cursors: Sequence[Cursor], enabled: Sequence[Endpoint]
    ) -> Iterator[Endpoint]:
        """Return the endpoints to which a conversation is to be published, or may be."""
        by_endpoint: Mapping[str, Cursor] = {cursor.endpoint_id: cursor for cursor in cursors}
        for endpoint in enabled:
            cursor = by_endpoint.get(endpoint.endpoint_id)
            if cursor is None:
                since = 0 if endpoint.start == "beginning" else endpoint.created_at - NOW_SKEW
                if head is not None and head.updated_at >= since:
                    yield endpoint
            elif not cursor.parked_at and (
                head is None or cursor.history_id != self._history_id or cursor.position < head.sequence_id
            ):
                yield endpoint


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
