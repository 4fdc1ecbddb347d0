"""Carries out the orders to store values, also while the storage is full."""

from __future__ import annotations

from .core.items import ITEM_KEY
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
        self._waiting[order.key] = order
        self.repeat()

    def repeat(self) -> None:
        """Carry out the remembered orders. An item that cannot be stored holds the later items, and nothing else.

        The next start would send a later item that is stored without it, and the earlier one never.
        """
        self.error, is_held = None, False
        for key, order in list(self._waiting.items()):
            is_item = isinstance(order, Save) and key.startswith(ITEM_KEY)
            if is_item and is_held:
                continue
            try:
                if isinstance(order, Save):
                    self._storage.save(order.key, order.value)
                else:
                    self._storage.forget(order.key)
            except Exception as error:  # noqa: BLE001 -- a storage may raise whatever it likes
                self.error, is_held = error, is_held or is_item
            else:
                del self._waiting[key]

    @property
    def is_forgetting(self) -> bool:
        """Whether a value is to be deleted that a restart would still find."""
        return any(isinstance(order, Forget) for order in self._waiting.values())

    def may_send(self, frame: JsonObject) -> bool:
        """Return whether a frame may be sent now; the client repeats one that was not."""
        return not self._waiting or frame["type"] not in APPENDING
