"""The chat itself on one machine: lines to paste, a socket in a terminal, conversations kept in a directory."""

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
from tests.local.instance import PATIENCE, ROOT, Instance, Instances, call, get

SECRET = stage_environment()["CHAT_JWT_SECRET"]
ALICE = mint("alice", "Alice", secret=SECRET)
BOB = mint("bob", "Bob", secret=SECRET)


def pasted(instance: Instance) -> tuple[str, str]:
    """What the banner says to paste: the curl lines, and the line that listens."""
    text = banner(Ready(**instance.ready), chat_settings({}), "somewhere")
    lines = [line.strip() for line in text.splitlines()]
    curl = [line for line in lines if line.startswith(("ALICE=", "ID=", "curl "))]
    [listen] = [line for line in lines if "local listen" in line]
    return "\n".join(curl), listen


@contextmanager
def listening(line: str) -> Iterator[subprocess.Popen[str]]:
    """Runs the line that listens, with this Python, and ends it whatever happens."""
    words = [sys.executable, *line.split()[1:]]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as listener:
        try:
            yield listener
        finally:
            listener.kill()


def frame_of(listener: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    """The next frame of a type that a listener prints."""
    assert listener.stdout is not None
    for line in listener.stdout:
        frame: dict[str, Any] = json.loads(line)
        if frame["type"] == kind:
            return frame
    pytest.fail(f"no {kind} came")


def test_the_lines_to_paste_open_a_conversation_and_bob_hears_it(instances: Instances) -> None:
    instance = instances.start()
    curl, listen = pasted(instance)
    assert listen.startswith(".venv/bin/python -m local listen")
    with listening(listen) as listener:
        frame_of(listener, "welcome")
        done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True, timeout=PATIENCE)
        conversation_id, event = done.stdout.splitlines()
        sent = json.loads(event)
        assert (sent["conversation_id"], sent["content"]) == (conversation_id, "Hello, everybody!")

        # Bob was added while he listened: what he does not hear live, the subscription's answer brings.
        assert frame_of(listener, "conversation_added")["conversation"]["conversation_id"] == conversation_id
        assert frame_of(listener, "subscribed")["conversation_id"] == conversation_id
        body = {"content": "Bob?"}
        messages = f"{instance.ready['http_url']}/conversations/{conversation_id}/messages"
        assert call("POST", messages, ALICE, body)[0] == 201
        while frame_of(listener, "event")["event"].get("content") != "Bob?":
            pass
        instance.stop()
        rest, _ = listener.communicate(timeout=PATIENCE)
        assert listener.returncode == 0
    assert rest.splitlines()[-1] == "The server closed the socket (code 1001)."


def test_listening_where_nothing_runs_is_told_in_a_sentence(instances: Instances) -> None:
    code, errors = instances.failure("listen", "--as", "bob", "--port", "1", "--ws-port", "1")
    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith("No instance answers at http://127.0.0.1:1")


def test_conversations_in_a_directory_survive_a_restart_and_a_killed_launcher(
    instances: Instances, tmp_path: Path
) -> None:
    data = str(tmp_path / "kept" / "here")
    instance = instances.start("--data", data)
    url = f"{instance.ready['http_url']}/conversations"
    people = {"participants": [{"participant_id": "bob", "name": "Bob"}]}
    conversation_id = call("POST", url, ALICE, {"title": "Kept", **people})[1]["conversation_id"]
    for content in ("one", "two", "drei ☃"):
        assert call("POST", f"{url}/{conversation_id}/messages", ALICE, {"content": content})[0] == 201

    second = instances.spawn("--port", "0", "--data", data)
    assert f"--data {data} is in use by another instance" in second.communicate(timeout=PATIENCE)[1]
    assert second.returncode == 1

    before = get(f"{url}/{conversation_id}", BOB)
    assert before[0] == 200
    assert instance.stop() < 5

    instance = instances.start("--data", data)
    url = f"{instance.ready['http_url']}/conversations"
    assert get(f"{url}/{conversation_id}", BOB) == before
    assert call("POST", f"{url}/{conversation_id}/messages", BOB, {"content": "four"})[1]["sequence_id"] == 5

    # The store saves when its launcher is gone, however it went; the next instance waits for that.
    instance.process.send_signal(signal.SIGKILL)
    instance = instances.start("--data", data)
    url = f"{instance.ready['http_url']}/conversations/{conversation_id}"
    contents = [message["content"] for message in get(url, BOB)[1]["messages"]]
    assert contents == ["one", "two", "drei ☃", "four"]


def test_a_state_that_cannot_be_read_is_left_as_it_is(instances: Instances, tmp_path: Path) -> None:
    state = tmp_path / "dynamodb.json"
    state.write_text('{"__ministack_format__": 2, "payl', encoding="utf-8")
    code, errors = instances.failure("--port", "0", "--data", str(tmp_path))
    assert code == 1
    assert "was left as it is" in errors
    assert state.read_text(encoding="utf-8") == '{"__ministack_format__": 2, "payl'
