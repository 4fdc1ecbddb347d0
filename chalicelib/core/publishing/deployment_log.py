"""The deployment log as the publisher reads it: queued entries are appended first.

Entries that name a participant expire: below the head, an event that is not there any more is skipped. A query is
only read-committed with respect to transactions, so it may also miss events that another process is appending at
this moment. Those are among the newest, as each append moves the head, and are read one by one (L4).
"""

from __future__ import annotations

from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.model.events import Event
from chalicelib.core.ports.publishing import DeploymentLogStore
from chalicelib.core.publishing.logs import Chunk

APPENDED_AT_ONCE = 40


class OpenDeploymentLog:
    """The deployment log up to its head."""

    def __init__(self, store: DeploymentLogStore, head: int) -> None:
        self.head = head
        self.conversation = None
        self.is_deleted = False
        self._store = store

    def after(self, position: int, limit: int) -> Chunk:
        """Return the events after `position` that have not expired."""
        last = min(position + limit, self.head)
        found = {event["sequence_id"]: event for event in self._store.events(position + 1, last)}
        for sequence_id in range(max(position, self.head - APPENDED_AT_ONCE) + 1, last + 1):
            event = None if sequence_id in found else self._store.event(sequence_id)
            if event is not None:
                found[sequence_id] = event
        return Chunk([found[sequence_id] for sequence_id in sorted(found)], last)

    def event(self, sequence_id: int) -> Event | None:
        """Return an event."""
        return self._store.event(sequence_id)


def open_deployment_log(store: DeploymentLogStore, runtime: Runtime) -> OpenDeploymentLog:
    """Append all queued entries, and return the log. Raises ConversationBusy."""

    def append() -> bool:
        entries = store.queued(APPENDED_AT_ONCE)
        if entries:
            store.append(entries)
        return len(entries) == APPENDED_AT_ONCE

    while retry_on_conflict(runtime, append):
        pass
    return OpenDeploymentLog(store, store.head())
