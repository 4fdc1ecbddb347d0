"""A server in its own process whose gateway injects faults (see `faulty_server_process.py`)."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.gateway.settings import GatewaySettings
from local.settings import chat_settings
from local.tokens import mint
from tests.e2e.targets import bundle_environment, bundle_options
from tests.support.client import ChatEndpoint, TestClient
from tests.support.server import ROOT, START_TIMEOUT, STOP_TIMEOUT, server_environment

SOCKET_FAN_OUT = 20
"""Seconds that the fan-out of a socket command may take: longer than any test waits."""
HTTP_FAN_OUT = 3.0
"""Seconds that an HTTP response waits for its fan-out: more than by default, for processes that just started."""


class FaultyServer:
    """A server of one target on the store of another server."""

    def __init__(self, kind: str, store_url: str, log: Path, shared: Path) -> None:
        settings = {
            "CHAT_TIME_SOCKET_FAN_OUT": str(SOCKET_FAN_OUT),
            "CHAT_TIME_HTTP_FAN_OUT": str(HTTP_FAN_OUT),
            "CHAT_JOB_QUEUE": "",  # the other server would run its jobs, and cannot reach its connections
        }
        is_bundle = kind == "bundle"
        environment = server_environment(bundle_environment(settings) if is_bundle else settings)
        options = bundle_options(shared) if is_bundle else []
        self.log = log
        self._secret = chat_settings(environment)["CHAT_JWT_SECRET"]
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.faulty_server_process", "--store", store_url, *options],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        ready = self._line()
        self.endpoint = ChatEndpoint(ready["http_url"], ready["ws_url"], self._token)

    def stop(self) -> None:
        """Stop the server. A running fan-out retries until its deadline."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(SOCKET_FAN_OUT + STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(
                f"the server did not end in {SOCKET_FAN_OUT + STOP_TIMEOUT} s; see {self.log}"
            ) from None
        finally:
            self._process.stdout.close()

    # ---- faults ----------------------------------------------------------------------------------------

    def set_faults(self, **settings: Any) -> None:
        """Change settings of the gateway for all connections."""
        self._tell("change", **settings)

    def reset_faults(self) -> None:
        """Restore all settings."""
        ordinary = GatewaySettings()
        kept = ("stage", "region", "account_id", "rest_api_id", "websocket_api_id", "handling")
        self.set_faults(**{name: value for name, value in vars(ordinary).items() if name not in kept})

    def set_connection_faults(self, person: TestClient, **settings: Any) -> None:
        """Change the faults of posts to the newest connection of a client; without settings, restore them."""
        self._tell("change_for", person.socket.connection_id, **settings)

    def drop(self, person: TestClient) -> None:
        """Break the newest connection of a client without a close frame."""
        self._tell("drop", person.socket.connection_id)

    def counters(self) -> Mapping[str, int]:
        """Return the counters of the gateway."""
        counters: dict[str, int] = self._tell("counters")
        return counters

    def _tell(self, name: str, *positional: Any, **named: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, positional, named]).encode() + b"\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT)
        assert readable, f"the server says nothing for {START_TIMEOUT} s; see {self.log}"
        line = self._process.stdout.readline()
        assert line, f"the server has ended: {self.log.read_text('utf-8', 'replace')}"
        return json.loads(line)

    def _token(self, participant_id: str, name: str, ttl: int) -> str:
        return mint(participant_id, name, ttl, secret=self._secret)
