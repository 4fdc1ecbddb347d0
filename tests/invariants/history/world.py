"""The server process of a test run, and the orders to its gateway."""

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

ROOT = Path(__file__).resolve().parents[3]
SOCKET_FAN_OUT = 30.0
"""So long goes a socket command's fan-out on when a recipient hangs: far beyond what any client may wait."""
RETENTION_DAY = 0.02
"""So long is a day of retention here: thirty are over while a program runs."""
RETENTION_DAYS = 365
"""How long this deployment keeps what conversations keep for longer, or for ever."""
ERASURE_GRACE = 1.0
"""So long an erasure waits here for what was begun before it; nothing takes longer once all disorder is over."""
_STOPPING = 15.0


class World:
    """A running server, whose log goes to a file; a context manager that ends it."""

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
        """A token that the server accepts."""
        return mint(participant_id, name, 3600, secret=self._secret)

    def disorder(self, settings: Mapping[str, Any]) -> None:
        """From now on the gateway has these settings, and its usual ones otherwise."""
        usual = GatewaySettings()
        changed = {name: getattr(usual, name) for name in self._disordered} | dict(settings)
        self._disordered = set(settings)
        self._order({"change": changed})

    def treat(self, connection_id: str, faults: Mapping[str, Any]) -> None:
        """From now on posts to this connection fail in this way; with nothing, no longer."""
        self._order({"change_for": [connection_id, dict(faults)]})

    def sweep(self) -> None:
        """Begin a sweep, beside everything that is going on."""
        self._order({"sweep": True})

    def running(self) -> int:
        """How many functions are running, sweeps and long work included, or are about to."""
        return int(self._order({"running": True}))

    def failures(self) -> list[str]:
        """What the app has logged as its own failures since the last time."""
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
