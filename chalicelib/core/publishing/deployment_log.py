"""The deployment log as the publisher reads it: queued entries are appended first.

Entries that name a participant expire. Below the head, a missing event is an expired one, and is skipped.
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
        return Chunk(self._store.events(position + 1, last), last)

    def event(self, sequence_id: int) -> Event | None:
        """Return an event."""
        return next(iter(self._store.events(sequence_id, sequence_id)), None)


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
