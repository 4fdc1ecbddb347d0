"""The end of a command: Ctrl+C at any moment, closed and broken streams, and token commands that hang.

Each warning is an error in the processes here, and nothing may be printed that a user cannot need.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from serverless_chat.cli.errors import CommandError
from serverless_chat.cli.token_command import printed_token

from tests.clients.python.terminal import read_to_end, read_until
from tests.local.instance import ROOT, TIMEOUT, receive_interrupts

PYTHON = os.environ.get("CHAT_CLIENT_PYTHON", sys.executable)
INTERRUPTED = {130, -signal.SIGINT}
"""The second one is that of a process that ends by the signal; a shell shows the first one for both."""
AT_NTH_CALL = """
import os, signal, sys
from serverless_chat.cli import main
number, interrupts = 0, [int(text) for text in sys.argv.pop(1).split(",")]
def profile(frame, event, argument):
    global number
    number += event == "call"
    if event == "call" and number in interrupts:
        os.kill(os.getpid(), signal.SIGINT)
sys.setprofile(profile)
sys.exit(main())
"""
"""Interrupts the command at the nth call of a function of Python."""


class Handler(BaseHTTPRequestHandler):
    """Answers each request with an empty list of conversations."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"conversations": [], "total_unread": 0}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as the base class has it
        """Print nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def environment(port: int = 9, **variables: str) -> dict[str, str]:
    urls = {"CHAT_HTTP_URL": f"http://127.0.0.1:{port}", "CHAT_WS_URL": f"ws://127.0.0.1:{port}"}
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}
    return {**path, **urls, "CHAT_TOKEN": "t", "PYTHONWARNINGS": "error", "HOME": "/nowhere", **variables}


def run(
    arguments: list[str], variables: dict[str, str], shell: str = '"$@"', text: str = ""
) -> tuple[int, str, str]:
    """Run a command; return its status, what it prints, and its errors."""
    done = subprocess.run(
        ["sh", "-c", shell, "sh", PYTHON, *arguments],
        env=variables,
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        preexec_fn=receive_interrupts,
    )
    return done.returncode, done.stdout, done.stderr


CHAT = ["-m", "serverless_chat.cli"]


@pytest.mark.parametrize("calls", ["500", "5100", "5100,5150", "12000", "20000", "28200,30200", "33800", "35200"])
def test_interrupt_at_any_call_prints_nothing(port: int, calls: str) -> None:
    status, printed, errors = run(["-c", AT_NTH_CALL, calls, "conversations"], environment(port))
    assert (printed, errors) == ("", "")
    assert status in {*INTERRUPTED, 128 + signal.SIGINT, 0}  # the last calls are after the end


@pytest.mark.parametrize(
    ("closed", "developing"), [("<&-", ""), (">&-", "1"), ("2>&-", ""), ("<&- >&- 2>&-", "1")]
)
def test_command_without_a_standard_stream_is_no_failure_of_python(
    port: int, closed: str, developing: str
) -> None:
    variables = environment(port, PYTHONDEVMODE=developing)
    status, printed, errors = run([*CHAT, "conversations"], variables, f'exec "$@" {closed}')
    slow = [line for line in errors.splitlines() if not line.startswith("Executing <")]
    assert (status, printed, slow) == (0, "", [])
    urls = ["--http-url", variables["CHAT_HTTP_URL"], "--ws-url", variables["CHAT_WS_URL"]]
    status, _, errors = run([*CHAT, "login", *urls], variables, f'exec "$@" {closed} </dev/null')
    assert status == 2
    assert "Traceback" not in errors


def test_login_without_standard_input_needs_a_token(port: int) -> None:
    urls = ["--http-url", f"http://127.0.0.1:{port}", "--ws-url", f"ws://127.0.0.1:{port}"]
    status, _, errors = run([*CHAT, "login", *urls], environment(port), 'exec "$@" <&-')
    assert (status, errors) == (2, "chat: There is no token on standard input.\n")


@pytest.mark.parametrize("arguments", [["completion", "bash"], ["--help"], ["conversations", "--json", "--all"]])
def test_reader_that_has_ended_is_no_error(port: int, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [PYTHON, *CHAT, *arguments]
    with subprocess.Popen(
        command, env=environment(port), stdout=writer, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writer)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_disk_that_is_full_is_an_error_for_people() -> None:
    status, _, errors = run([*CHAT, "completion", "bash"], environment(), 'exec "$@" >/dev/full')
    assert (status, errors) == (1, "chat: [Errno 28] No space left on device\n")
    assert run([*CHAT, "completion", "no shell"], environment(), 'exec "$@" 2>/dev/full')[0] == 2


def token_command(tmp_path: Path) -> tuple[Path, Path]:
    """Return a command that hangs once it has written its process id to a pipe, and the pipe."""
    command, pipe = tmp_path / "hang", tmp_path / "pipe"
    os.mkfifo(pipe)
    command.write_text(f"#!/bin/sh\necho $$ > {pipe}\nexec sleep 600\n", "utf-8")
    command.chmod(0o700)
    return command, pipe


def test_interrupt_ends_a_token_command_that_hangs(tmp_path: Path) -> None:
    command, pipe = token_command(tmp_path)
    urls = {"http_url": "http://127.0.0.1:9", "ws_url": "ws://127.0.0.1:9"}
    profiles = tmp_path / "profiles.json"
    profiles.write_text(json.dumps({"default": {**urls, "token_command": str(command)}}), "utf-8")
    profiles.chmod(0o600)
    variables = {key: value for key, value in environment().items() if not key.startswith("CHAT_")}
    process = subprocess.Popen(
        [PYTHON, *CHAT, "send", "conv_a", "text", "--config", str(profiles)],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=receive_interrupts,  # noqa: PLW1509 -- no thread has a lock that it needs
    )
    begun = {int(line) for line in pipe.read_text("utf-8").splitlines()}
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, printed, errors) == (130, "", "")
    for number in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_token_command_that_hangs_is_ended() -> None:
    with pytest.raises(CommandError, match=r"within 0\.01 seconds"):
        asyncio.run(printed_token("sleep 600", timeout=0.01))


@pytest.mark.parametrize("steps", range(2, 12))
def test_token_command_is_ended_though_another_process_holds_its_output(tmp_path: Path, steps: int) -> None:
    """Also while asyncio has begun the command and does not read its output yet."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    async def cancel() -> int:
        fetching = asyncio.ensure_future(printed_token(f"sh -c 'sleep 600 & echo $! > {pipe}; wait'"))
        for _ in range(steps):
            await asyncio.sleep(0)
        # The loop does nothing until the other process is there.
        assert select.select([reader], [], [], TIMEOUT)[0]
        begun = os.read(reader, 100)
        fetching.cancel()
        done, _ = await asyncio.wait({fetching}, timeout=TIMEOUT)
        assert done
        assert fetching.cancelled()
        return int(begun)

    os.kill(asyncio.run(cancel()), signal.SIGKILL)
    os.close(reader)


def test_token_command_prints_a_token_or_fails() -> None:
    assert asyncio.run(printed_token("printf ' secret\\n'")) == "secret"
    for command in ("false", "true", "", "an 'open quote", "sh -c 'echo t; exit 3'"):
        with pytest.raises(CommandError):
            asyncio.run(printed_token(command))


@pytest.mark.parametrize(("typed", "status"), [(signal.SIGINT, INTERRUPTED), (b"\x04", {2}), (b"\n", {2})])
def test_prompt_for_a_token_can_be_left(typed: signal.Signals | bytes, status: set[int]) -> None:
    screen, terminal = pty.openpty()
    urls = ["--http-url", "http://127.0.0.1:9", "--ws-url", "ws://127.0.0.1:9"]
    process = subprocess.Popen(
        [PYTHON, *CHAT, "login", *urls],
        env=environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=receive_interrupts,  # noqa: PLW1509 -- no thread has a lock that it needs
    )
    os.close(terminal)
    shown = read_until(screen, b"Token: ")
    if isinstance(typed, bytes):
        os.write(screen, typed)
    else:
        process.send_signal(typed)
    shown += read_to_end(screen)
    assert process.wait(TIMEOUT) in status
    os.close(screen)
    assert b"Traceback" not in shown


BLOCKING = """
from serverless_chat import UnavailableError
from serverless_chat.blocking import Chat, Service
chat, service = Chat(*URLS, lambda: "t"), Service(URLS[0], lambda: "t")
chat.__enter__()
chat.changes.on(print)
room = chat.room("conv_a")
room.queue("text")
values = iter(chat.changes)
next(values)
try:
    service.api.request("GET", "/me")
except UnavailableError:
    pass
"""
ASYNCIO = """
import asyncio
from serverless_chat import Chat
async def main():
    chat = await Chat(*URLS, lambda: "t").__aenter__()
    sending = asyncio.ensure_future(chat.room("conv_a").send("text"))
    await chat.changes.until(lambda status: status == "connecting")
asyncio.run(main())
"""
INTERRUPTED_BLOCKING = """
import os, signal, threading
from serverless_chat.blocking import Chat
interrupted = threading.Event()
def interrupt(_):
    if not interrupted.is_set():
        interrupted.set()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
try:
    with Chat(*URLS, lambda: "t") as chat:
        chat.changes.on(interrupt)
        chat.room("conv_a").send("text")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("script", [BLOCKING, ASYNCIO], ids=["blocking", "asyncio"])
def test_program_that_closes_nothing_ends_without_a_trace(script: str) -> None:
    variables = environment(PYTHONDEVMODE="1")
    urls = (variables["CHAT_HTTP_URL"], variables["CHAT_WS_URL"])
    status, _, errors = run(["-c", f"URLS = {urls!r}{script}"], variables)
    assert status == 0, errors
    assert [line for line in errors.splitlines() if not line.startswith("Executing <")] == []


def test_interrupt_ends_a_call_of_the_blocking_client() -> None:
    variables = environment()
    urls = (variables["CHAT_HTTP_URL"], variables["CHAT_WS_URL"])
    done = run(["-c", f"URLS = {urls!r}{INTERRUPTED_BLOCKING}"], variables)
    assert done == (0, "interrupted\n", "")
