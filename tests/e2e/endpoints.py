"""The chat under test: servers that the tests start, or a remote endpoint.

| variable                 | meaning                                                                              |
|--------------------------|--------------------------------------------------------------------------------------|
| `CHAT_E2E_HTTP_URL`      | base URL of the HTTP API of a stage to test instead of starting one                  |
| `CHAT_E2E_WS_URL`        | URL of its WebSocket API                                                             |
| `CHAT_E2E_TOKEN_COMMAND` | a command that prints a token; gets participant id, name and seconds to live         |
| `CHAT_E2E_TARGETS`       | the targets to test, such as `development bundle`; all of them by default            |
| `CHAT_E2E_WHOLE`         | if not empty: run every row of every table on every target (`make e2e`)              |
| `CHAT_E2E_KEEP`          | if not empty: leave the started server up after the tests, and print its address     |
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.client import ChatEndpoint
from tests.support.server import ServerProcess

VARIABLES = ("CHAT_E2E_HTTP_URL", "CHAT_E2E_WS_URL", "CHAT_E2E_TOKEN_COMMAND")
TOKEN_SECONDS = 60.0
# A JSON Web Token begins with an encoded `{"`; random ids in a log may have these letters in the middle.
_SECRETS = ((re.compile(r"(?<![\w-])eyJ[\w-]+\."), "a token"), (re.compile("ticket="), "a ticket"))
_FAILURE = re.compile(r"\bERROR\b|Traceback")  # as the app, JSON lines and Lambda's runtime write it


class IncompleteEndpoint(Exception):
    """The environment sets only some of the variables of a remote endpoint."""


def remote_endpoint(environment: Mapping[str, str]) -> ChatEndpoint | None:
    """Return the remote endpoint that the environment names, or None. Raises IncompleteEndpoint."""
    given = {name: environment[name] for name in VARIABLES if environment.get(name)}
    if not given:
        return None
    if missing := [name for name in VARIABLES if name not in given]:
        raise IncompleteEndpoint(
            f"{', '.join(given)} is set, {', '.join(missing)} is not: a stage needs all three"
        )
    http_url, ws_url, command = (given[name] for name in VARIABLES)

    def token(participant_id: str, name: str, ttl: int) -> str:
        if ttl <= 0:
            pytest.skip("needs a token that has expired, and no stage gives out such")
        arguments = [*shlex.split(command), participant_id, name, str(ttl)]
        printed = subprocess.run(arguments, capture_output=True, text=True, timeout=TOKEN_SECONDS, check=True)
        return printed.stdout.strip()

    return ChatEndpoint(http_url, ws_url, token)


def stop_and_check_log(server: ServerProcess) -> None:
    """Stop a server. Raises AssertionError if its log contains a failure or a secret.

    No client can cause an internal failure, so the log of a test run contains none.
    """
    server.stop()
    check_log(server.log)


def check_log(path: Path) -> None:
    """Raise AssertionError if the log of a stopped server contains a failure or a secret."""
    log = path.read_text(encoding="utf-8", errors="replace")
    assert not _FAILURE.search(log), f"the server failed at something:\n{log}"
    for secret, what in _SECRETS:
        assert not secret.search(log), f"{what} stands in the log {path}"
