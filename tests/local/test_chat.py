"""The whole chat on one machine: the lines to paste, `listen`, and conversations in a data directory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.banner import Ready, banner
from local.settings import chat_settings, stage_environment
from local.tokens import mint
from tests.local.instance import ROOT, TIMEOUT, Instance, Instances, call, get

SECRET = stage_environment()["CHAT_JWT_SECRET"]
ALICE = mint("alice", "Alice", secret=SECRET)
BOB = mint("bob", "Bob", secret=SECRET)


def pasted(instance: Instance) -> tuple[str, str]:
    """Return the lines to paste from the banner: the curl lines, and the `listen` line."""
    text = banner(Ready(**instance.ready), chat_settings({}), "somewhere")
    lines = [line.strip() for line in text.splitlines()]
    curl = [line for line in lines if line.startswith(("ALICE=", "ID=", "curl "))]
    [listen] = [line for line in lines if "local listen" in line]
    return "\n".join(curl), listen


@contextmanager
def listening(line: str) -> Iterator[subprocess.Popen[str]]:
    """Run the `listen` line with this interpreter for the context."""
    words = [sys.executable, *line.split()[1:]]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as listener:
        try:
            yield listener
        finally:
            listener.kill()


def frame_of(listener: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    """Return the next printed frame of a type."""
    assert listener.stdout is not None
    for line in listener.stdout:
        frame: dict[str, Any] = json.loads(line)
        if frame["type"] == kind:
            return frame
    pytest.fail(f"received no {kind}")


def test_pasted_lines_send_a_message_that_the_listener_prints(instances: Instances) -> None:
    instance = instances.start()
    curl, listen = pasted(instance)
    assert listen.startswith(".venv/bin/python -m local listen")
    with listening(listen) as listener:
        frame_of(listener, "welcome")
        done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True, timeout=TIMEOUT)
        conversation_id, event = done.stdout.splitlines()
        sent = json.loads(event)
        assert (sent["conversation_id"], sent["content"]) == (conversation_id, "Hello, Bob and Carol!")

        # Bob is added while listening: the snapshot contains the events that are not pushed live.
        assert frame_of(listener, "conversation_added")["conversation"]["conversation_id"] == conversation_id
        assert frame_of(listener, "subscribed")["conversation_id"] == conversation_id
        body = {"content": "Bob?"}
        messages = f"{instance.ready['http_url']}/conversations/{conversation_id}/messages"
        assert call("POST", messages, ALICE, body)[0] == 201
        while frame_of(listener, "events")["events"][-1].get("content") != "Bob?":
            pass
        instance.stop()
        rest, _ = listener.communicate(timeout=TIMEOUT)
        assert listener.returncode == 0
    assert rest.splitlines()[-1] == "The server closed the connection (code 1001)."


def test_listen_without_an_instance_fails_with_one_sentence(instances: Instances) -> None:
    code, errors = instances.failure("listen", "--as", "bob", "--port", "1", "--ws-port", "1")
    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith("No instance answers at http://127.0.0.1:1")


def test_data_directory_survives_a_restart_and_a_killed_launcher(instances: Instances, tmp_path: Path) -> None:
    data = str(tmp_path / "kept" / "here")
    instance = instances.start("--data", data)
    url = f"{instance.ready['http_url']}/conversations"
    body = {"title": "Kept", "participants": [{"participant_id": "bob", "name": "Bob"}]}
    conversation_id = call("POST", url, ALICE, body)[1]["conversation_id"]
    for content in ("one", "two", "drei ☃"):
        assert call("POST", f"{url}/{conversation_id}/messages", ALICE, {"content": content})[0] == 201

    second = instances.spawn("--port", "0", "--data", data)
    assert (
        f"{data} is in use by another instance (process {instance.process.pid})"
        in second.communicate(timeout=TIMEOUT)[1]
    )
    assert second.returncode == 1

    before = get(f"{url}/{conversation_id}", BOB)
    assert before[0] == 200
    assert instance.stop() < 5

    instance = instances.start("--data", data)
    url = f"{instance.ready['http_url']}/conversations"
    assert get(f"{url}/{conversation_id}", BOB) == before
    assert call("POST", f"{url}/{conversation_id}/messages", BOB, {"content": "four"})[1]["sequence_id"] == 5

    instance.process.send_signal(signal.SIGKILL)
    instance.process.wait()
    instance = instances.start("--data", data)
    url = f"{instance.ready['http_url']}/conversations/{conversation_id}"
    contents = [message["content"] for message in get(url, BOB)[1]["messages"]]
    assert contents == ["one", "two", "drei ☃", "four"]


def test_directory_of_an_older_version_is_refused_and_left_unchanged(instances: Instances, tmp_path: Path) -> None:
    state = tmp_path / "dynamodb.json"
    state.write_text('{"__ministack_format__": 2, "payl', encoding="utf-8")
    code, errors = instances.failure("--port", "0", "--data", str(tmp_path))
    assert code == 1
    assert "holds conversations of version 0.1" in errors
    assert [path.name for path in tmp_path.iterdir() if path.name != "owner"] == ["dynamodb.json"]
    assert state.read_text(encoding="utf-8") == '{"__ministack_format__": 2, "payl'
