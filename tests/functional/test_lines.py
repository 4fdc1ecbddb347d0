"""The output of the functions in a process set up as on Lambda: whole lines of JSON, and no secrets."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.observability import logs
from chalicelib.settings import current_settings

from .conftest import Callbacks, token
from .test_rest_events import asked
from .test_socket_events import connecting, leaving, saying

ROOT = Path(__file__).parents[2]
MARK = "s3cr3t"
SECRETS = st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: f"{MARK}{text}")
# The logging set-up of Lambda's runtime before it imports the handler (its Python runtime client, `bootstrap.py`),
# then a function that cannot reach its store, a library that warns, and Chalice that logs an error.
AS_LAMBDA = """
import logging, sys, warnings

class Runtime(logging.Handler):
    def emit(self, record):
        sys.stdout.write(self.format(record))

class Request(logging.Filter):
    def filter(self, record):
        record.aws_request_id = "8f3c2f0e"
        return True

handler = Runtime()
handler.setFormatter(logging.Formatter("[%(levelname)s]\\t%(asctime)s\\t%(aws_request_id)s\\t%(message)s\\n"))
handler.addFilter(Request())
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel("DEBUG")

import app
from tests.functional.test_socket_events import saying, connecting, leaving

for n in range(2):
    app.message(saying({"type": "ping", "id": "s3cr3t"}), None)
app.connect(connecting({"Authorization": "Bearer s3cr3t"}), None)
app.disconnect(leaving(), None)
try:
    app.sweep({"time": "", "source": "", "account": "", "region": "", "resources": [], "detail": {},
               "detail-type": "", "version": "", "id": ""}, None)
except Exception as error:
    assert "s3cr3t" not in str(error)
else:
    raise AssertionError("a sweep that fails is a failed function")
warnings.warn("s3cr3t")
logging.getLogger("urllib3").warning("Retrying %s", "s3cr3t")
app.app.log.error("Caught exception for %s\\nin two lines", "s3cr3t")
"""


def test_every_line_of_a_function_is_one_json_object() -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "AWS_LAMBDA_FUNCTION_NAME": "message",
        "CHAT_STAGE": "dev",
        "CHAT_CONVERSATIONS_TABLE": "conversations",
        "CHAT_CONNECTIONS_TABLE": "connections",
        "CHAT_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9/dev",
        "CHAT_JWT_SECRET": "a-secret-for-the-functional-tests",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDs3cr3t",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
    }
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", AS_LAMBDA],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert MARK not in done.stdout
    found = [(line.get("event"), line.get("function")) for line in lines]
    assert ("failure", "message") in found
    assert ("failure", "disconnect") in found
    assert ("failure", "sweep") in found
    assert ("warning", None) in found
    assert [line["logger"] for line in lines if line.get("event") == "log"] == ["urllib3", "chat"]
    named = [line for line in lines if "event" in line]
    assert all(line["level"] in ("WARN", "ERROR") and line["timestamp"].endswith("Z") for line in named)
    assert {line["lambda_request_id"] for line in named} == {"8f3c2f0e"}
    failures = [line for line in named if line["event"] == "failure" and line["function"] == "message"]
    assert {line["request_id"] for line in failures} == {"Xux7aHf-FiAFqTg="}
    cold = [line.get("cold_start", False) for line in failures]
    assert (cold[0], cold[-1]) == (True, False)
    metrics = [line for line in lines if "_aws" in line]
    assert metrics[0]["ColdStarts"] == 1
    assert sum(line.get("ColdStarts", 0) for line in metrics) == 1


# ---- secrets -------------------------------------------------------------------------------------------


@pytest.fixture(params=["well", "no settings", "no store", "no sockets"])
def written(
    request: pytest.FixtureRequest, chat: Any, callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch
) -> Iterator[io.StringIO]:
    """The lines of functions that are healthy, lack a setting, have no store, or whose posts are rejected."""
    monkeypatch.setenv("CHAT_STAGE", "dev")
    if request.param == "no settings":
        monkeypatch.delenv("CHAT_CONVERSATIONS_TABLE")
    if request.param == "no store":
        monkeypatch.setenv("CHAT_CONNECTIONS_TABLE", "no-such-table")
    if request.param == "no sockets":
        callbacks.refused.add("Xux7aeaAFiACHZQ=")
    for cache in (current_settings, bootstrap.verifier, bootstrap.application):
        cache.cache_clear()
    stream = io.StringIO()
    handler = logs.StdoutHandler(stream)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS)
def test_lines_never_have_what_a_client_sent(chat: Any, written: io.StringIO, secret: str) -> None:
    written.seek(0)
    written.truncate()
    connection = "Xux7aeaAFiACHZQ="
    chat.connect(connecting({"Authorization": f"Bearer {token('alice', secret)}"}, connection_id=connection), None)
    for frame in (
        secret,
        {"type": secret, "id": secret},
        {"type": "hello", "id": secret, "token": secret},
        {"type": "message", "conversation_id": secret, "client_message_id": secret, "content": secret},
        {"type": "subscribe", "conversation_id": secret},
    ):
        chat.message(saying(frame, connection), None)
    chat.connect(connecting({"Authorization": f"Bearer {secret}"}), None)
    chat.connect(connecting({}, {"ticket": secret}), None)
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcd123/dev/GET/conversations"
    with contextlib.suppress(Unavailable):  # without settings; Lambda logs the exception
        chat.auth({"type": "TOKEN", "methodArn": arn, "authorizationToken": f"Bearer {secret}"}, None)
    authorizer = {"participant_id": "alice", "name": secret, "expires_at": str(int(time.time()) + 60)}
    _, made, _ = asked(chat, "POST", "/conversations", body=json.dumps({"title": secret}), authorizer=authorizer)
    where = made.get("conversation_id", secret)
    for conversation_id in (where, secret):
        asked(
            chat,
            "POST",
            f"/conversations/{conversation_id}/messages",
            resource="/conversations/{conversation_id}/messages",
            parameters={"conversation_id": conversation_id},
            body=json.dumps({"content": secret, "client_message_id": "1"}),
            authorizer=authorizer,
        )
    frame = {"type": "message", "conversation_id": where, "client_message_id": "2", "content": secret}
    chat.message(saying({"type": "subscribe", "conversation_id": where}, connection), None)
    chat.message(saying(frame, connection), None)
    chat.disconnect(leaving(connection), None)
    text = written.getvalue()
    assert MARK not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines, "each of these cases writes a line"
