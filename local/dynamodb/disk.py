"""What happens when the disk is full or fails: nothing is acknowledged, one line is logged, and it may recover."""

from __future__ import annotations

import logging
import sqlite3
import threading
from types import TracebackType

from local.dynamodb.errors import internal_server_error

log = logging.getLogger(__name__)


class DiskTrouble:
    """A context for each write: failures of the storage become HTTP 500, which clients retry.

    A run of failures is logged once, and so is its end.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._failing = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            if self._failing:
                self._recovered()
        elif isinstance(error, sqlite3.Error):
            self._failed(error)
            raise internal_server_error() from error

    def _failed(self, error: sqlite3.Error) -> None:
        with self._lock:
            if self._failing:
                return
            self._failing = True
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            log.error("the disk of %s is full: writes fail with HTTP 500 until there is space", self._path)
        else:
            log.error("%s cannot be written (%s %s): writes fail with HTTP 500", self._path, name, error)

    def _recovered(self) -> None:
        with self._lock:
            if not self._failing:
                return
            self._failing = False
        log.warning("%s can be written again", self._path)
