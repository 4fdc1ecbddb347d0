"""The whole chat on one machine: lines to paste, `listen`, and conversations in a data directory."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.banner import Ready, banner
from local.settings import chat_settings, stage_environment
from local.tokens import mint
from tests.local.instance import ROOT, TIMEOUT, Instance, Instances, call, get, receive_interrupts

SECRET = stage_environment()["CHAT_JWT_SECRET"]
ALICE = mint("alice", "Alice", secret=SECRET)
BOB = mint("bob", "Bob", secret=SECRET)
README = (ROOT / "README.md").read_text("utf-8")


BIN = f"{Path(sys.executable).parent}/"
"""Where the environment of these tests has `python` and `chat`, in place of `.venv/bin/` in lines to paste."""


def pasted(instance: Instance) -> tuple[str, str]:
    """Return the lines to paste from the banner: those of Alice, and the `listen` line."""
    text = banner(Ready(**instance.ready), chat_settings({}), "somewhere")
    lines = [line.strip() for line in text.splitlines()]
    alice = [line for line in lines if line.startswith(("export CHAT_", ".venv/bin/chat"))]
    [listen] = [line for line in lines if "local listen" in line]
    return "\n".join(alice), listen


def readme(instance: Instance) -> str:
    """Return the lines of README.md that use the chat, but that which follows it without an end."""
    [block] = [text for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "bin/chat" in text]
    lines = [line for line in block.splitlines() if "local listen" not in line]
    text = "\n".join(lines).replace("http://127.0.0.1:8000", instance.ready["http_url"])
    return text.replace("ws://127.0.0.1:8001/local", instance.ready["ws_url"])


def paste(lines: str) -> list[str]:
    """Run lines in a shell, and return what they print."""
    command = ["sh", "-ec", lines.replace(".venv/bin/", BIN)]
    environment = {**os.environ, "ALICE": ALICE}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@contextmanager
def listening(line: str) -> Iterator[subprocess.Popen[str]]:
    """Run the `listen` line for the context."""
    words = line.replace(".venv/bin/", BIN).split()
    with subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=receive_interrupts,  # noqa: PLW1509 — no thread has a lock that it needs
    ) as listener:
        try:
            yield listener
        finally:
            listener.kill()


def printed(listener: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the next line that the listener prints."""
    assert listener.stdout is not None
    line: dict[str, Any] = json.loads(listener.stdout.readline())
    return line


def test_pasted_lines_send_messages_that_the_listener_prints(instances: Instances) -> None:
    instance = instances.start()
    alice, listen = pasted(instance)
    assert listen.startswith(".venv/bin/python -m local listen")
    with listening(listen) as listener:
        [conversation_id] = paste(alice)
        url = f"{instance.ready['http_url']}/conversations/{conversation_id}"
        joined = {entry["participant_id"]: entry["name"] for entry in get(url, ALICE)[1]["participants"]}
        assert joined == {"alice": "Alice", "bob": "Bob", "carol": "Carol"}
        # Bob may be added before the listener looks for his conversations, or while it listens.
        first = printed(listener)
        assert (first["conversation_id"], first["content"]) == (conversation_id, "Hello, Bob and Carol!")
        lines = paste(readme(instance))
        assert printed(listener)["conversation_id"] == lines[0] != conversation_id
        assert call("POST", f"{url}/messages", ALICE, {"content": "Bob?"})[0] == 201
        while printed(listener).get("content") != "Bob?":
            pass
        listener.send_signal(signal.SIGINT)
        assert listener.wait(TIMEOUT) == 130


def test_listen_without_an_instance_fails_with_one_sentence(instances: Instances) -> None:
    code, errors = instances.failure("listen", "--as", "bob", "--port", "1", "--ws-port", "1")
    assert (code, errors.count("\n")) == (1, 1)
    assert "http://127.0.0.1:1/health got no response" in errors
    assert "make run" in errors


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
