"""A full or failing disk: nothing is acknowledged, one line is logged, and writes may succeed again later."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from types import TracebackType

from local.dynamodb.errors import internal_server_error

QUIET_SECONDS = 1.0
"""Without a failure before a success ends a run: on a full disk, small writes still succeed at times."""
log = logging.getLogger(__name__)


class StorageFailures:
    """Contexts for the reads and the writes of a file: its failures become HTTP 500, which clients retry.

    A run of failures is logged once, and so is its end.
    """

    def __init__(self, path: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.reads = _Context(self, clears=False)
        self.writes = _Context(self, clears=True)
        self.is_failing = False
        self.is_closed = False
        """Whether the storage was closed: operations fail as above, without a line in the log."""
        self._path = path
        self._monotonic = monotonic
        self._last_failure = 0.0
        self._lock = threading.Lock()

    def record_failure(self, error: sqlite3.Error) -> None:
        """Log the first failure of a run."""
        with self._lock:
            self._last_failure = self._monotonic()
            if self.is_failing or self.is_closed:
                return
            self.is_failing = True
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            log.error("the disk of %s is full: writes fail with HTTP 500 until there is space", self._path)
        else:
            log.error("%s cannot be used (%s: %s): operations fail with HTTP 500", self._path, name, error)

    def record_success(self) -> None:
        """Log that writes succeed again, if there was no failure for a while."""
        with self._lock:
            if not self.is_failing or self._monotonic() - self._last_failure < QUIET_SECONDS:
                return
            self.is_failing = False
        log.warning("%s can be written again", self._path)


class _Context:
    """Translates SQLite's errors. Any number of threads may be in it."""

    def __init__(self, failures: StorageFailures, *, clears: bool) -> None:
        self._failures = failures
        self._clears = clears

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            if self._failures.is_failing and self._clears:
                self._failures.record_success()
        elif isinstance(error, sqlite3.Error):
            self._failures.record_failure(error)
            raise internal_server_error() from error
