"""Positions of clients: whether the `after` of a client is a position in the log as it is now."""

from __future__ import annotations

from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.errors import PositionUnknown, Unavailable
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.model.conversations import Head

OTHER_HISTORY = "The sequence id is one of before the data was restored: load the conversation again."


class Positions:
    """Compares positions of clients with this deployment's history."""

    def __init__(self, history_id: HistoryId) -> None:
        self._history_id = history_id

    def require_not_newer(self, named: str | None) -> None:
        """Raise Unavailable if the client has seen a newer history: this function's configuration is outdated."""
        if named is not None and HistoryId.parse(named).is_newer_than(self._history_id):
            raise Unavailable(retry_after=retry_after(), is_failure=False)

    def require_current(self, named: str | None) -> None:
        """Raise PositionUnknown if sequence ids are those of another history, and Unavailable if it is newer."""
        self.require_not_newer(named)
        if named is not None and HistoryId.parse(named) != self._history_id:
            raise PositionUnknown(OTHER_HISTORY, history_id=str(self._history_id))

    def is_known(self, head: Head, after: int | None, named: str | None) -> bool:
        """Return whether `after`, in the history that the client names, is a position in the log."""
        if named is not None and HistoryId.parse(named) != self._history_id:
            return False
        return after is None or after <= head.sequence_id

    def require_known(self, head: Head, after: int | None, named: str | None) -> None:
        """Raise PositionUnknown if `after` is not a position in the log."""
        if not self.is_known(head, after, named):
            raise PositionUnknown(history_id=str(self._history_id), head=head.sequence_id)
