"""A server of its own process whose gateway misbehaves as it is told (see `disorderly_server.py`)."""

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
from tests.e2e.kinds import bundle_environment, bundle_options
from tests.support.client import Person, Stage
from tests.support.server import PATIENCE, ROOT, STOPPING, variables_for

LONG = 20
"""Seconds that a socket command's fan-out may go on here: far longer than any test waits for anything."""
HTTP_FAN_OUT = 3.0
"""Seconds that an HTTP answer waits for its fan-out here: more than usual, as a process may just have started."""


class DisorderlyServer:
    """Starts one of a kind, on the store of another server; `stop` ends it."""

    def __init__(self, kind: str, store_url: str, log: Path, shared: Path) -> None:
        settings = {
            "CHAT_TIME_SOCKET_FAN_OUT": str(LONG),
            "CHAT_TIME_HTTP_FAN_OUT": str(HTTP_FAN_OUT),
            "CHAT_JOB_QUEUE": "",  # the other server would take what is in it, and cannot reach our sockets
        }
        is_bundle = kind == "bundle"
        environment = variables_for(bundle_environment(settings) if is_bundle else settings)
        options = bundle_options(shared) if is_bundle else []
        self.log = log
        self._secret = chat_settings(environment)["CHAT_JWT_SECRET"]
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.disorderly_server", "--store", store_url, *options],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        ready = self._line()
        self.stage = Stage(ready["http_url"], ready["ws_url"], self._token)

    def stop(self) -> None:
        """End it. A fan-out that is under way keeps trying until its time is over."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(LONG + STOPPING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the server did not end in {LONG + STOPPING} s; see {self.log}") from None
        finally:
            self._process.stdout.close()

    # ---- what it can be told ---------------------------------------------------------------------------

    def change(self, **settings: Any) -> None:
        """Change settings of the gateway, for everybody."""
        self._tell("change", **settings)

    def behave(self) -> None:
        """Put all settings back."""
        ordinary = GatewaySettings()
        kept = ("stage", "region", "account_id", "rest_api_id", "websocket_api_id")
        self.change(**{name: value for name, value in vars(ordinary).items() if name not in kept})

    def change_for(self, person: Person, **settings: Any) -> None:
        """Change what happens to posts to the newest socket of one person; nothing at all puts it back."""
        self._tell("change_for", person.socket.connection_id, **settings)

    def drop(self, person: Person) -> None:
        """Break the newest socket of a person, without a close frame."""
        self._tell("drop", person.socket.connection_id)

    def counters(self) -> Mapping[str, int]:
        """What has happened how often."""
        counters: dict[str, int] = self._tell("counters")
        return counters

    def _tell(self, name: str, *positional: Any, **named: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, positional, named]).encode() + b"\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        assert readable, f"the server says nothing for {PATIENCE} s; see {self.log}"
        line = self._process.stdout.readline()
        assert line, f"the server has ended: {self.log.read_text('utf-8', 'replace')}"
        return json.loads(line)

    def _token(self, participant_id: str, name: str, ttl: int) -> str:
        return mint(participant_id, name, ttl, secret=self._secret)
