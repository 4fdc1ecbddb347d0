"""Carries out the orders to store values, also while the storage is full."""

from __future__ import annotations

from .core.outputs import Forget, JsonObject, Save
from .storage import Storage

APPENDING = {"message", "edit", "delete", "react", "unreact", "batch"}
"""Frames whose attempt must be stored before they are sent."""


class DurableStorage:
    """Repeats what failed. Until it succeeds, no frame of the outbox may be sent: its attempt is not recorded."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: dict[str, Save | Forget] = {}
        self.error: Exception | None = None
        """Why the storage failed; None once everything is stored."""

    def carry_out(self, order: Save | Forget) -> None:
        """Store or delete a value; remember the order if the storage fails."""
        self._waiting.pop(order.key, None)
        self._waiting[order.key] = order
        self.repeat()

    def repeat(self) -> None:
        """Carry out the remembered orders; one that fails does not stop the others."""
        self.error = None
        for key, order in list(self._waiting.items()):
            try:
                if isinstance(order, Save):
                    self._storage.save(order.key, order.value)
                else:
                    self._storage.forget(order.key)
            except Exception as error:  # noqa: BLE001 -- a storage may raise whatever it likes
                self.error = error
            else:
                del self._waiting[key]

    @property
    def is_forgetting(self) -> bool:
        """Whether a value is to be deleted that a restart would still find."""
        return any(isinstance(order, Forget) for order in self._waiting.values())

    def may_send(self, frame: JsonObject) -> bool:
        """Return whether a frame may be sent now; the client repeats one that was not."""
        return not self._waiting or frame["type"] not in APPENDING
