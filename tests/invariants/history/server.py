"""The server process of random programs, and the orders to its gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.gateway import GatewaySettings
from local.tokens import mint
from tests.support.server import FAST_CHANGES

ROOT = Path(__file__).resolve().parents[3]
SOCKET_FAN_OUT = 30.0
"""Seconds of a socket command's fan-out: longer than any client waits."""
RETENTION_DAY = 0.02
"""Seconds of a day of retention: thirty of them pass while a program runs."""
RETENTION_DAYS = 365
"""The retention period of the deployment."""
ERASURE_GRACE = 1.0
"""The grace period of an erasure: no request takes longer once all faults have ended."""
_STOPPING = 15.0


class HistoryServer:
    """A running server that logs to a file; a context manager that stops it."""

    def __init__(self, log: Path) -> None:
        self._disordered: set[str] = set()
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.invariants.history.server_process"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "CHAT_TIME_SOCKET_FAN_OUT": str(SOCKET_FAN_OUT),
                    "CHAT_TIME_ERASURE_GRACE": str(ERASURE_GRACE),
                    "CHAT_TIME_RETENTION_DAY": str(RETENTION_DAY),
                    "CHAT_RETENTION_DAYS": str(RETENTION_DAYS),
                    **FAST_CHANGES,
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        ready = self._read()
        self.http_url: str = ready["http_url"]
        self.ws_url: str = ready["ws_url"]
        self._secret: str = ready["secret"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def token(self, participant_id: str, name: str) -> str:
        """Return a valid token."""
        return mint(participant_id, name, 3600, secret=self._secret)

    def set_faults(self, settings: Mapping[str, Any]) -> None:
        """Set these faults of the gateway, and reset all others."""
        usual = GatewaySettings()
        changed = {name: getattr(usual, name) for name in self._disordered} | dict(settings)
        self._disordered = set(settings)
        self._order({"change": changed})

    def set_connection_faults(self, connection_id: str, faults: Mapping[str, Any]) -> None:
        """Set the faults of posts to one connection; an empty mapping resets them."""
        self._order({"change_for": [connection_id, dict(faults)]})

    def sweep(self) -> None:
        """Start a sweep concurrently."""
        self._order({"sweep": True})

    def running(self) -> int:
        """Return the number of functions that are running or about to run, sweeps and jobs included."""
        return int(self._order({"running": True}))

    def failures(self) -> list[str]:
        """Return the failures that the app has logged since the last call."""
        return list(self._order({"failures": True}))

    def _order(self, order: Mapping[str, Any]) -> Any:
        if self._process.stdin is None:
            raise RuntimeError("the server takes no orders")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the server process has ended; what it said stands in {self._log}")
        return json.loads(line)
