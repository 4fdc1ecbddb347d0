"""Deletes expired items in the background, as DynamoDB does some time after they expire."""

from __future__ import annotations

import logging
import threading
from typing import Self

from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError

SWEEP_SECONDS = 60.0
PAUSE = 0.005
"""Seconds after each hundred items, in which waiting writers get their turn."""
log = logging.getLogger(__name__)


class Sweeper:
    """A thread that sweeps an engine at intervals, from `start` to `stop`, or for a `with` block."""

    def __init__(self, engine: Engine, seconds: float = SWEEP_SECONDS) -> None:
        self._engine = engine
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="time to live", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; the first sweep is after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End, in a sweep that is under way after at most a hundred items."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                deleted = self._engine.sweep(lambda: not self._stopped.wait(PAUSE))
            except DynamoError as error:
                log.warning("expired items were not deleted: %s", error.message)
            else:
                if deleted:
                    log.debug("%d expired items were deleted", deleted)
