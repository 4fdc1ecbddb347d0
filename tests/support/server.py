"""The chat in its own process (`python -m local`), for tests that use real sockets only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from local.settings import chat_settings
from local.tokens import mint, mint_for_service
from tests.support.client import ChatEndpoint

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 60.0
"""Seconds that the start may take on a busy machine."""
STOP_TIMEOUT = 15.0

FAST_CHANGES = {
    **{
        f"CHAT_LIMIT_{name}": value
        for kind in ("CHANGE", "CREATION", "ADDITION")
        for name, value in ((f"{kind}S_PER_MINUTE", "6000"), (f"{kind}_BURST", "1000"))
    },
    "CHAT_LIMIT_FRAMES_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_BURST": "1000000",
}
"""Settings for participants who join, leave, change roles and read more often than people do."""
SERVICES = {"CHAT_SERVICE_SCOPE": "chat-service", "CHAT_SERVICE_CLIENTS": "backend"}
PATIENT_SETTINGS = {
    **FAST_CHANGES,
    **SERVICES,
    "CHAT_TIME_HTTP_FAN_OUT": "10",
    "CHAT_TIME_PRESENCE_DEBOUNCE": "0.5",
}
"""Settings for tests that expect every push: the fan-out has time on a busy machine.

An offline push comes after a second, the minimum delay of the queue.
"""
RETENTION_DAY = 0.1
"""Seconds of a day of retention: thirty days are three seconds."""
SHORT_RETENTION_SETTINGS = {
    **PATIENT_SETTINGS,
    "CHAT_TIME_ERASURE_GRACE": "0.5",
    "CHAT_TIME_RETENTION_DAY": str(RETENTION_DAY),
}
"""Settings for tests of retention and erasure."""


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server: its ready line, its log, and the secret that signs its tokens."""

    process: subprocess.Popen[bytes]
    ready: Mapping[str, Any]
    log: Path
    secret: str

    @property
    def endpoint(self) -> ChatEndpoint:
        """The endpoint of the server."""
        return ChatEndpoint(self.ready["http_url"], self.ready["ws_url"], self.token)

    def token(self, participant_id: str, name: str, ttl: int) -> str:
        """Return a valid token; with a negative lifetime an expired one."""
        return mint(participant_id, name, ttl, secret=self.secret)

    def service_token(self, ttl: int = 3600) -> str:
        """Return the token of the service `backend`."""
        return mint_for_service(None, ttl, {**SERVICES, "CHAT_JWT_SECRET": self.secret})

    def stop(self) -> None:
        """Stop it with SIGTERM. Raises AssertionError if it does not exit in time and with status 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"the server did not end in {STOP_TIMEOUT} s after SIGTERM; see {self.log}"
            ) from None
        finally:
            if self.process.stdin is not None:
                self.process.stdin.close()
        assert status == 0, f"the server ended with status {status}; see {self.log}"


def server_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a server: this process's without test settings, updated with `environment`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_E2E_")}
    return {**ours, **(environment or {})}


def start_server(
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    store_url: str | None = None,
    options: Sequence[str] = (),
    detached: bool = False,
) -> ServerProcess:
    """Start a server on free ports and wait until it is ready.

    `environment` overrides this process's variables, `store_url` names a store to use instead of a new one,
    `options` are further options of `python -m local`. The server ends with this process at the latest, unless it
    is `detached`.
    """
    variables = server_environment(environment)
    arguments = [sys.executable, "-m", "local", "--port", "0", "--json", *options]
    arguments += [] if detached else ["--until-input-ends"]
    arguments += [] if store_url is None else ["--store", store_url]
    ready_line = log.with_suffix(".ready")
    with ready_line.open("wb") as out, log.open("wb") as errors:
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=out,
            stderr=errors,
            start_new_session=detached,
        )
    with ready_line.open(encoding="utf-8") as lines:
        line = _first_line(lines, process, log)
    return ServerProcess(process, json.loads(line), log, chat_settings(variables)["CHAT_JWT_SECRET"])


def _first_line(lines: TextIO, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    line = ""
    while not line.endswith("\n"):
        assert process.poll() is None, f"the server ended at once: {log.read_text('utf-8', 'replace')}"
        assert time.monotonic() < deadline, f"the server is not ready after {START_TIMEOUT} s; see {log}"
        time.sleep(0.02)
        line += lines.readline()
    return line
