"""What happens when the disk is full or fails: nothing is acknowledged, one line is logged, and it may recover."""

from __future__ import annotations

import logging
import sqlite3
import threading
from types import TracebackType

from local.dynamodb.errors import internal_server_error

log = logging.getLogger(__name__)


class DiskTrouble:
    """Contexts for the reads and the writes of a file: its failures become HTTP 500, which clients retry.

    A run of failures is logged once, and so is its end, the first write that succeeds.
    """

    def __init__(self, path: str) -> None:
        self.reads = _Context(self, ends_trouble=False)
        self.writes = _Context(self, ends_trouble=True)
        self.lasts = False
        self._path = path
        self._lock = threading.Lock()

    def begin(self, error: sqlite3.Error) -> None:
        """Log the first failure of a run."""
        with self._lock:
            if self.lasts:
                return
            self.lasts = True
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            log.error("the disk of %s is full: writes fail with HTTP 500 until there is space", self._path)
        else:
            log.error("%s cannot be used (%s: %s): operations fail with HTTP 500", self._path, name, error)

    def end(self) -> None:
        """Log that writes succeed again."""
        with self._lock:
            if not self.lasts:
                return
            self.lasts = False
        log.warning("%s can be written again", self._path)


class _Context:
    """Translates SQLite's errors. Any number of threads may be in it."""

    def __init__(self, trouble: DiskTrouble, *, ends_trouble: bool) -> None:
        self._trouble = trouble
        self._ends_trouble = ends_trouble

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            if self._trouble.lasts and self._ends_trouble:
                self._trouble.end()
        elif isinstance(error, sqlite3.Error):
            self._trouble.begin(error)
            raise internal_server_error() from error
