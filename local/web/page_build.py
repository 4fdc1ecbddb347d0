"""The build of the web page in a child process, beside the chat that is already running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from local.settings import ROOT

log = logging.getLogger("local.web")

COMMAND = (sys.executable, "-m", "scripts.web")
STOP_SECONDS = 2.0

State = Literal["ready", "building", "absent"]


class PageBuild:
    """A build and its state. Without `start`, the page is what an earlier build has left.

    `command` exits with 0 when the files in `dist` are current, and otherwise writes the reason to stderr.
    """

    def __init__(self, dist: Path, command: Sequence[str] = COMMAND) -> None:
        self._dist = dist
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._reporter: threading.Thread | None = None
        self.failure: str | None = None

    @property
    def state(self) -> State:
        """`ready` if there is a page; a page that is being replaced is `building`."""
        if self._process is not None and self._process.poll() is None:
            return "building"
        return "ready" if (self._dist / "index.html").is_file() else "absent"

    def start(self) -> None:
        """Begin to build."""
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is handled by this process, which ends the whole build
        )
        self._reporter = threading.Thread(
            target=self._report, args=(self._process,), name="web-build", daemon=True
        )
        self._reporter.start()

    def stop(self) -> None:
        """End a build that is still running, with its child processes."""
        process, reporter = self._process, self._reporter
        if process is None or reporter is None:
            return
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, kind)
            reporter.join(STOP_SECONDS)

    def _report(self, process: subprocess.Popen[str]) -> None:
        errors = process.communicate()[1].strip()
        status = process.returncode
        if status > 0:
            failure = errors or f"{' '.join(self._command)} ended with status {status}"
            log.error("the web page is left out, the chat runs without it: %s", failure)
            self.failure = failure  # last, so that the log has it when it is known
        elif status == 0:
            log.info("the web page is built")
