"""The chat as a process of its own (`python -m local`), for tests that talk to it over real sockets only."""

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
from local.tokens import mint
from tests.support.client import Stage

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds that the start may take on a busy machine."""
STOPPING = 15.0

UNHURRIED = {"CHAT_TIME_HTTP_FAN_OUT": "10", "CHAT_TIME_PRESENCE_DEBOUNCE": "0.5"}
"""Settings for tests that expect every push: a fan-out is not given up because the machine is busy.

Who went is told after a second, the least that the queue keeps a message.
"""
DAY = 0.1
"""Seconds that a day of retention lasts where nothing takes days: thirty days are three seconds."""
BRISK = {**UNHURRIED, "CHAT_TIME_ERASURE_GRACE": "0.5", "CHAT_TIME_RETENTION_DAY": str(DAY)}
"""Settings for tests of what takes days."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its stage, what its ready line said, its log, and the secret that signs its tokens."""

    process: subprocess.Popen[bytes]
    ready: Mapping[str, Any]
    log: Path
    secret: str

    @property
    def stage(self) -> Stage:
        """Where it is."""
        return Stage(self.ready["http_url"], self.ready["ws_url"], self.token)

    def token(self, participant_id: str, name: str, ttl: int) -> str:
        """A token that the server accepts; with a negative lifetime one that has expired."""
        return mint(participant_id, name, ttl, secret=self.secret)

    def stop(self) -> None:
        """End it by SIGTERM. Raises AssertionError if it has not ended by itself in time, or badly."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end in {STOPPING} s after SIGTERM; see {self.log}") from None
        finally:
            if self.process.stdin is not None:
                self.process.stdin.close()
        assert status == 0, f"the server ended with status {status}; see {self.log}"


def variables_for(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server: ours without what is for the tests only, and `environment` before that."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_E2E_")}
    return {**ours, **(environment or {})}


def start_server(
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    store_url: str | None = None,
    options: Sequence[str] = (),
    outlives_us: bool = False,
) -> Server:
    """Start a server on free ports and wait until it is ready.

    `environment` goes before our own variables, `store_url` names a store to use instead of a new one, `options`
    are more of `python -m local`. The server ends with this process at the latest, however that ends, unless it
    `outlives_us`.
    """
    variables = variables_for(environment)
    arguments = [sys.executable, "-m", "local", "--port", "0", "--json", *options]
    arguments += [] if outlives_us else ["--until-input-ends"]
    arguments += [] if store_url is None else ["--store", store_url]
    ready_line = log.with_suffix(".ready")
    with ready_line.open("wb") as out, log.open("wb") as errors:
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL if outlives_us else subprocess.PIPE,
            stdout=out,
            stderr=errors,
            start_new_session=outlives_us,
        )
    with ready_line.open(encoding="utf-8") as lines:
        line = _first_line(lines, process, log)
    return Server(process, json.loads(line), log, chat_settings(variables)["CHAT_JWT_SECRET"])


def _first_line(lines: TextIO, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    line = ""
    while not line.endswith("\n"):
        assert process.poll() is None, f"the server ended at once: {log.read_text('utf-8', 'replace')}"
        assert time.monotonic() < deadline, f"the server is not ready after {PATIENCE} s; see {log}"
        time.sleep(0.02)
        line += lines.readline()
    return line
