"""Which chat the end-to-end tests talk to: those that they start, or a stage that the environment names.

| variable                 | meaning                                                                              |
|--------------------------|--------------------------------------------------------------------------------------|
| `CHAT_E2E_HTTP_URL`      | base URL of the HTTP API of a stage to test instead of starting one                  |
| `CHAT_E2E_WS_URL`        | URL of its WebSocket API                                                             |
| `CHAT_E2E_TOKEN_COMMAND` | a command that prints a token; gets participant id, name and seconds to live         |
| `CHAT_E2E_WHOLE`         | if not empty: every row of every table on MiniStack too (`make e2e`), not one of ten |
| `CHAT_E2E_KEEP`          | if not empty: leave the started server up after the tests, and say where it is       |
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.client import Stage
from tests.support.server import Server

VARIABLES = ("CHAT_E2E_HTTP_URL", "CHAT_E2E_WS_URL", "CHAT_E2E_TOKEN_COMMAND")
TOKEN_SECONDS = 60.0
# A JSON Web Token begins with an encoded `{"`; the random ids in a log may have these letters in the middle.
_SECRETS = ((re.compile(r"(?<![\w-])eyJ[\w-]+\."), "a token"), (re.compile("ticket="), "a ticket"))
_FAILURE = re.compile(r"\bERROR\b|Traceback")  # as ours, JSON lines and Lambda's runtime spell it


class IncompleteStage(Exception):
    """The environment names a part of a stage only."""


def named_stage(environment: Mapping[str, str]) -> Stage | None:
    """The stage that the environment names, None if it names none. Raises IncompleteStage."""
    given = {name: environment[name] for name in VARIABLES if environment.get(name)}
    if not given:
        return None
    if missing := [name for name in VARIABLES if name not in given]:
        raise IncompleteStage(f"{', '.join(given)} is set, {', '.join(missing)} is not: a stage needs all three")
    http_url, ws_url, command = (given[name] for name in VARIABLES)

    def token(participant_id: str, name: str, ttl: int) -> str:
        if ttl <= 0:
            pytest.skip("needs a token that has expired, and no stage gives out such")
        arguments = [*shlex.split(command), participant_id, name, str(ttl)]
        printed = subprocess.run(arguments, capture_output=True, text=True, timeout=TOKEN_SECONDS, check=True)
        return printed.stdout.strip()

    return Stage(http_url, ws_url, token)


def stop_and_look_at_the_log(server: Server) -> None:
    """End a server. Raises AssertionError if its log tells of a failure, or gives away a secret.

    No client can cause a failure of ours, so there is none in the log of a test run either.
    """
    server.stop()
    look_at_the_log(server.log)


def look_at_the_log(path: Path) -> None:
    """Raises AssertionError if the log of a server that has ended tells of a failure, or gives away a secret."""
    log = path.read_text(encoding="utf-8", errors="replace")
    assert not _FAILURE.search(log), f"the server failed at something:\n{log}"
    for secret, what in _SECRETS:
        assert not secret.search(log), f"{what} stands in the log {path}"
