"""`python -m local` as a child process, and helpers to inspect its processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60.0  # seconds for anything to happen on a busy machine


def eventually(condition: Callable[[], bool], description: str) -> None:
    """Wait until a condition holds; fail the test if it does not in time."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"not within {TIMEOUT} s: {description}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Return whether a process is running; a zombie process is not."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
        return True
    return False


def get(url: str, token: str | None = None) -> tuple[int, Any]:
    """Return the status and the parsed body of a GET request."""
    return call("GET", url, token)


def call(method: str, url: str, token: str | None = None, body: object = None) -> tuple[int, Any]:
    """Send a request and return its status and parsed body."""
    request = urllib.request.Request(url, method=method)  # noqa: S310  (an http URL of a local instance)
    request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=TIMEOUT) as response:  # noqa: S310
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


@dataclass
class Instance:
    """A running instance: its process and its ready line."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    def stop(self) -> float:
        """Send SIGTERM and return the seconds until the process exited."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(TIMEOUT)
        return time.monotonic() - started

    def rest_of_output(self) -> tuple[str, str]:
        """Wait for the exit; return stdout after the ready line, and stderr."""
        return self.process.communicate(timeout=TIMEOUT)


class Instances:
    """Starts instances; a context manager that terminates those still running, with their stores."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def spawn(self, *arguments: str, **environment: str | None) -> subprocess.Popen[str]:
        """Run `python -m local` with changes to the environment; None removes a variable."""
        variables = {**os.environ, **environment}
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=ROOT,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=receive_interrupts,  # noqa: PLW1509 — a single call that takes no lock
        )
        self._running.append(process)
        return process

    def start(self, *arguments: str, **environment: str | None) -> Instance:
        """Run it on free ports with `--json` and wait for the ready line; fail the test if there is none."""
        ports = () if "store" in arguments or "--port" in arguments else ("--port", "0")
        process = self.spawn(*arguments, *ports, "--json", **environment)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"no ready line: {process.communicate()[1]}"
        return Instance(process, json.loads(line))

    def failure(self, *arguments: str, **environment: str | None) -> tuple[int, str]:
        """Return the exit status and stderr of a run that is expected to fail."""
        process = self.spawn(*arguments, **environment)
        _, errors = process.communicate(timeout=TIMEOUT)
        return process.returncode, errors


def receive_interrupts() -> None:
    """Have SIGINT end this process, also where a script that runs the tests in the background ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
