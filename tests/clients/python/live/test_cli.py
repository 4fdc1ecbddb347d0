"""The command line: profiles, pipes, exit statuses, and what it prints."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clients.python.live.server import LiveServer, token
from tests.clients.python.terminal import read_to_end, read_until
from tests.local.instance import ROOT, TIMEOUT, call, receive_interrupts

PYTHON = os.environ.get("CHAT_CLIENT_PYTHON", sys.executable)
"""The interpreter of the command: another one if the lowest versions are tested."""
HOSTILE = "title\x1b]0;gotcha\x07 \u202egnp.exe"


@dataclass
class Cli:
    """The command, with its own configuration."""

    server: LiveServer
    home: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHONWARNINGS": "error"}
        process = subprocess.Popen(
            [PYTHON, "-m", "serverless_chat.cli", *arguments],
            cwd=ROOT,
            env={**variables, "PYTHONPATH": str(ROOT / "clients" / "python" / "src"), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=receive_interrupts,  # noqa: PLW1509 — no thread has a lock that it needs
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End the commands that a failed test has left."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def run(self, *arguments: str, text: str = "", status: int = 0, **environment: str) -> str:
        """Run a command; return stdout, and stderr if it is expected to fail."""
        process = self.start(*arguments, **environment)
        out, errors = process.communicate(text, timeout=TIMEOUT)
        assert process.returncode == status, (out, errors)
        return out if status == 0 else errors

    def login(self, *arguments: str, text: str, status: int = 0) -> str:
        urls = ("--http-url", self.server.http_url, "--ws-url", self.server.ws_url)
        return self.run("login", *urls, *arguments, text=text, status=status)

    @property
    def profiles(self) -> Path:
        return self.home / ".config" / "serverless-chat" / "profiles.json"


@pytest.fixture
def cli(server: LiveServer, tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(server, tmp_path)
    yield cli
    cli.end()


def test_login_stores_the_token_for_its_owner_alone_and_prints_it_nowhere(cli: Cli) -> None:
    secret = token("alice")
    printed = cli.login(text=secret + "\n")
    assert secret not in printed
    assert stat.S_IMODE(cli.profiles.stat().st_mode) == 0o600
    assert json.loads(cli.profiles.read_text("utf-8"))["default"]["token"] == secret
    cli.profiles.chmod(0o644)
    assert "chmod 600" in cli.run("conversations", status=1)


def test_login_with_a_bad_token_fails_and_stores_nothing(cli: Cli) -> None:
    secret = token("alice", -600)
    assert secret not in cli.login(text=secret, status=3)
    cli.login(text="", status=2)
    cli.login("--token-command", "an 'open quote", text="", status=2)
    assert not cli.profiles.exists()
    assert "chat login" in cli.run("conversations", status=3)


def test_pipe_is_sent_and_read_in_another_format(cli: Cli) -> None:
    secret = cli.home / "token"
    secret.write_text(token("alice"), "utf-8")
    cli.login("--token-command", f"cat {secret}", text="")
    assert "token" not in json.loads(cli.profiles.read_text("utf-8"))["default"]
    title = f"ops of {cli.home.name}"
    conversation_id = cli.server.create(title)
    output = "".join(f"\x1b[31mline {number}\x1b[0m\n" for number in range(2_000))
    cli.run("send", title, "-", text=output)
    sent = cli.server.texts(conversation_id)
    assert len(sent) == 2
    assert "\n".join(map(str, sent)) == "\n".join(f"line {number}" for number in range(2_000))
    [line] = cli.run("send", conversation_id, "--id", "once", "--json", "short", "text").splitlines()
    assert cli.run("send", conversation_id, "--id", "once", "--json", "short", "text") == line + "\n"
    assert json.loads(line) == {"conversation_id": conversation_id, "sequence_id": 4}
    printed = cli.run("tail", conversation_id, "-n", "1", FORCE_COLOR="1")
    assert printed.endswith("#4 Alice: short text\n")
    history = cli.run("history", conversation_id, "--json").splitlines()
    assert [json.loads(entry)["sequence_id"] for entry in history] == [2, 3, 4]
    exported = [json.loads(entry) for entry in cli.run("export", conversation_id).splitlines()]
    assert exported == cli.server.log(conversation_id)
    own = [json.loads(entry) for entry in cli.run("export").splitlines()]
    assert {entry["kind"] for entry in own} == {"participant", "conversation", "message"}


def test_exit_statuses_tell_refusals_missing_conversations_and_silence_apart(cli: Cli) -> None:
    cli.login(text=token("alice"))
    conversation_id = cli.server.create()
    assert "NOT_FOUND" in cli.run("send", "conv_" + "x" * 22, "text", status=4)
    cli.run("tail", "no such title", status=4)
    cli.run("send", conversation_id, "--reply-to", "99", "text", status=1)
    cli.run("send", conversation_id, status=2)
    cli.run("send", conversation_id, "-", text="\n", status=2)
    profile = json.loads(cli.profiles.read_text("utf-8"))
    profile["default"]["ws_url"] = "ws://127.0.0.1:9/none"
    cli.profiles.write_text(json.dumps(profile), "utf-8")
    cli.run("--help")
    cli.run("send", conversation_id, "--timeout", "0.5", "text", status=5)


def test_hostile_texts_reach_no_terminal(cli: Cli) -> None:
    cli.login(text=token("alice"))
    body = {"content": "a\u202eb\u2028c \u2066d"}
    conversation_id = cli.server.create()
    url = f"{cli.server.http_url}/conversations/{conversation_id}/messages"
    assert call("POST", url, token("alice"), body)[0] == 201
    for output in (cli.run("tail", conversation_id), cli.run("tail", conversation_id, "--json")):
        assert not set(output) & set("\u202e\u2028\u2066")
        assert "\\u202e" in output


def test_tail_follows_and_ends_quietly_with_its_reader(cli: Cli) -> None:
    cli.login(text=token("alice"))
    conversation_id = cli.server.create()
    process = cli.start("tail", "-f", conversation_id, "--json")
    assert process.stdout is not None
    url = f"{cli.server.http_url}/conversations/{conversation_id}/messages"
    seen: list[int] = []
    for number in range(2, 4):
        call("POST", url, token("bob"), {"content": f"text {number}"})
        seen.append(json.loads(process.stdout.readline())["sequence_id"])
    assert seen == [2, 3]
    process.stdout.close()
    call("POST", url, token("bob"), {"content": "unread"})
    assert process.wait(TIMEOUT) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()


def test_tail_without_a_conversation_shows_all_and_those_that_begin_later(cli: Cli) -> None:
    cli.login(text=token("alice"))
    urls: dict[str, Any] = {"CHAT_HTTP_URL": cli.server.http_url, "CHAT_WS_URL": cli.server.ws_url}
    environment = {**urls, "CHAT_TOKEN": token("frank")}
    conversation_id = cli.run("create", "First", "bob=Bob", "id==", **environment).strip()
    url = f"{cli.server.http_url}/conversations"
    names = {entry["name"] for entry in call("GET", f"{url}/{conversation_id}", token("bob"))[1]["participants"]}
    assert names == {"Frank", "Bob", "id=="}
    assert call("POST", f"{url}/{conversation_id}/messages", token("bob"), {"content": "one"})[0] == 201
    assert re.fullmatch("==> First <==\n.* #2 Bob: one\n", cli.run("tail", **environment))
    process = cli.start("tail", "-f", "-n", "1", **environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "==> First <==\n"
    assert process.stdout.readline().endswith("#2 Bob: one\n")
    body = {"title": "Later", "participants": [{"participant_id": "frank", "name": "Frank"}]}
    later = call("POST", url, token("bob"), body)[1]["conversation_id"]
    shown = []
    for place, content in ((later, "two"), (conversation_id, "three")):
        call("POST", f"{url}/{place}/messages", token("bob"), {"content": content})
        shown += [process.stdout.readline().rpartition("Bob: ")[2] for _ in range(2)]
    assert shown == ["==> Later <==\n", "two\n", "==> First <==\n", "three\n"]
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 130
    process.communicate()
    assert "CHAT_TOKEN" in cli.run("tail", status=3, **urls), "the token of a profile is for its own server"


def test_open_shows_marks_as_read_and_sends_lines(cli: Cli) -> None:
    cli.login(text=token("bob"))
    conversation_id = cli.server.create(f"open {cli.home.name}")
    url = f"{cli.server.http_url}/conversations/{conversation_id}"
    call("POST", f"{url}/messages", token("alice"), {"content": "question"})
    listed = [json.loads(row) for row in cli.run("conversations", "--json").splitlines()]
    assert next(row["unread_count"] for row in listed if row["conversation_id"] == conversation_id) == 1
    assert "question" in cli.run("open", conversation_id, text="answer\n\nmore\n")
    assert cli.server.texts(conversation_id) == ["question", "answer", "more"]
    assert call("GET", url, token("bob"))[1]["unread_count"] == 0


def test_direct_conversation_is_named_by_its_other_participant(cli: Cli) -> None:
    cli.login(text=token("alice"))
    other = cli.home.name[-60:]
    url = f"{cli.server.http_url}/direct?participant_id={other}"
    status, opened = call("PUT", url, token("alice"), {"name": f"Dr {other}"})
    assert status == 201, opened
    assert f"Dr {other}" in cli.run("conversations")
    cli.run("send", f"Dr {other}", "hello")
    assert cli.server.texts(opened["conversation_id"]) == ["hello"]


def test_open_ends_when_the_user_is_removed(cli: Cli) -> None:
    cli.login(text=token("bob"))
    conversation_id = cli.server.create()
    process = cli.start("open", conversation_id)
    assert process.stdout is not None
    url = f"{cli.server.http_url}/conversations/{conversation_id}"
    call("POST", f"{url}/messages", token("alice"), {"content": "bye"})
    assert "bye" in process.stdout.readline()
    assert call("DELETE", f"{url}/participants?participant_id=bob", token("alice"))[0] == 204
    assert process.wait(TIMEOUT) == 4
    process.communicate()


def test_interrupt_ends_a_command_that_waits_for_input(cli: Cli) -> None:
    cli.login(text=token("alice"))
    conversation_id = cli.server.create()
    url = f"{cli.server.http_url}/conversations/{conversation_id}/messages"
    call("POST", url, token("alice"), {"content": "hi"})
    process = cli.start("open", conversation_id)
    assert process.stdout is not None
    assert "hi" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 130
    _, errors = process.communicate()
    assert errors == ""


def test_bytes_that_are_no_text_are_sent_as_replacement_characters(cli: Cli) -> None:
    cli.login(text=token("alice"))
    conversation_id = cli.server.create()
    process = cli.start("send", conversation_id, "-", "--lines")
    assert process.stdin is not None
    os.write(process.stdin.fileno(), b"caf\xe9\n\xc3\xa4\n")
    process.stdin.close()
    assert process.wait(TIMEOUT) == 0
    assert cli.server.texts(conversation_id) == ["caf\ufffd", "ä"]
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_address_that_is_none_is_an_error_for_people(cli: Cli) -> None:
    urls = ("--http-url", "http://127.0.0.1:port", "--ws-url", cli.server.ws_url)
    assert cli.run("login", *urls, text=token("alice"), status=2).startswith("chat: Invalid port")


def test_login_tries_both_addresses(cli: Cli) -> None:
    urls = ("--http-url", cli.server.http_url, "--ws-url", "ws://127.0.0.1:9/none")
    assert "ws://127.0.0.1:9" in cli.run("login", *urls, "--timeout", "5", text=token("alice"), status=5)
    assert not cli.profiles.exists()


@pytest.mark.parametrize("content", ["[", "[]", '{"default": {}}', '{"default": 1}'])
def test_damaged_profiles_are_an_error_for_people(cli: Cli, content: str) -> None:
    cli.profiles.parent.mkdir(parents=True)
    cli.profiles.write_text(content, "utf-8")
    cli.profiles.chmod(0o600)
    errors = cli.run("conversations", status=1)
    assert "profiles.json" in errors
    assert "Traceback" not in errors


PROBES = {
    "bash": "COMP_WORDS=({words}); COMP_CWORD={last}; _chat; echo ${{COMPREPLY[@]}}",
    "zsh": "probe() {{ emulate -L sh; COMP_WORDS=({words}); COMP_CWORD={last}; _chat; echo ${{COMPREPLY[@]}}; }}\n"
    "probe",
}


@pytest.mark.parametrize("shell", PROBES)
def test_completion_names_commands_and_options(cli: Cli, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = cli.run("completion", shell)
    for words, last, expected in [("chat tail", 1, "tail"), ("chat send --rep", 2, "--reply-to")]:
        probe = script + PROBES[shell].format(words=words, last=last)
        command = [shell, *(["-f"] if shell == "zsh" else []), "-c", probe]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = done.stdout.split()
        assert expected in found, done.stderr
        assert shell == "zsh" or found == [expected]  # zsh itself filters what `compgen` prints


@pytest.mark.parametrize(
    ("end", "statuses"),
    [(b"\x11", {0}), (signal.SIGTERM, {-signal.SIGTERM}), (signal.SIGINT, {0, 130, -signal.SIGINT})],
    ids=["Ctrl+Q", "SIGTERM", "SIGINT"],
)
def test_screen_draws_on_a_terminal_and_leaves_it_as_it_was(
    cli: Cli, end: bytes | signal.Signals, statuses: set[int]
) -> None:
    cli.login(text=token("alice") + "\n")
    conversation_id = cli.server.create("On a terminal")
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    variables = {"PATH": os.environ["PATH"], "HOME": str(cli.home), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [PYTHON, "-m", "serverless_chat.cli", "tui", conversation_id],
        env={**variables, "PYTHONPATH": str(ROOT / "clients" / "python" / "src")},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        text=True,
        preexec_fn=receive_interrupts,  # noqa: PLW1509 — no thread has a lock that it needs
    )
    cli.processes.append(process)
    os.close(terminal)
    drawn = read_until(screen, b"On a terminal")
    if isinstance(end, bytes):
        os.write(screen, end)
    else:
        process.send_signal(end)
    drawn += read_until(screen, b"\x1b[?1049l")  # the former content is back
    rest = read_to_end(screen)  # an error is printed here
    assert b"Error" not in rest, rest
    assert b"Traceback" not in drawn
    assert process.wait(TIMEOUT) in statuses, drawn
    os.close(screen)


def test_screen_without_its_extra_is_an_error_for_people(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "textual.py").write_text("raise ImportError", "utf-8")
    source = str(ROOT / "clients" / "python" / "src")
    errors = cli.run("tui", status=2, PYTHONPATH=f"{tmp_path}{os.pathsep}{source}")
    assert "serverless-chat-client[tui]" in errors
