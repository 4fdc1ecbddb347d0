"""Whether a conversation lags, and the purge of a deleted one, which waits until it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.publishing import Cursor, Endpoint
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.publishing import CursorStore, EndpointStore, LagStore
from chalicelib.core.publishing.logs import NOW_SKEW


class DeferringPurgeGate:
    """The `PurgeGate` port."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        cursors: CursorStore,
        lags: LagStore,
        event_log: EventLogStore,
        runtime: Runtime,
    ) -> None:
        self._endpoints = endpoints
        self._cursors = cursors
        self._lags = lags
        self._event_log = event_log
        self._history_id = str(runtime.history_id)

    def is_published(self, conversation_id: str) -> bool:
        """Return whether no enabled endpoint waits for events of a conversation."""
        head = self._event_log.head(conversation_id)
        if head is None or self._event_log.event(conversation_id, 1) is None:
            return True  # its purge has begun
        enabled = [endpoint for endpoint in self._endpoints.endpoints() if endpoint.is_enabled]
        cursors = self._cursors.cursors(conversation_id)
        return not any(behind(head, cursors, enabled, self._history_id))

    def forget(self, conversation_id: str) -> None:
        """Delete the cursors and lag notes of a conversation."""
        for cursor in self._cursors.cursors(conversation_id):
            self._lags.clear(cursor.endpoint_id, conversation_id)
        self._cursors.delete(conversation_id)


def behind(
    head: Head | None, cursors: Sequence[Cursor], enabled: Sequence[Endpoint], history_id: str
) -> Iterator[Endpoint]:
    """Return the endpoints to which a conversation is to be published, or may be. Those of parked ones are not."""
    by_endpoint: Mapping[str, Cursor] = {cursor.endpoint_id: cursor for cursor in cursors}
    for endpoint in enabled:
        cursor = by_endpoint.get(endpoint.endpoint_id)
        if cursor is None:
            since = 0 if endpoint.start == "beginning" else endpoint.created_at - NOW_SKEW
            if head is not None and head.updated_at >= since:
                yield endpoint
        elif not cursor.parked_at and (
            head is None or cursor.history_id != history_id or cursor.position < head.sequence_id
        ):
            yield endpoint
