"""A `python -m local` in a process of its own, and looks at what it started."""

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
PATIENCE = 30.0  # seconds for anything to happen on a busy machine


def eventually(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Waits until a condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent to notice does not."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
        return True
    return False


def get(url: str, token: str | None = None) -> tuple[int, Any]:
    """Status and parsed body of a GET."""
    return call("GET", url, token)


def call(method: str, url: str, token: str | None = None, body: object = None) -> tuple[int, Any]:
    """Status and parsed body of a request."""
    request = urllib.request.Request(url, method=method)  # noqa: S310  (our own http URLs)
    request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=PATIENCE) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read() or b"null")


@dataclass
class Instance:
    """A running instance: its process and what its ready line said."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    def stop(self) -> float:
        """Sends SIGTERM; the seconds until it ended."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        return time.monotonic() - started

    def rest_of_output(self) -> tuple[str, str]:
        """What it wrote to stdout after the ready line, and to stderr, once it has ended."""
        return self.process.communicate(timeout=PATIENCE)


class Instances:
    """Starts instances; a context manager that kills those still running at its end, stores included."""

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
        """Runs `python -m local` with arguments and changes to the environment; None takes a variable away."""
        variables = {**os.environ, **environment}
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=ROOT,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where the tests run in the background of a script, SIGINT is ignored, and children inherit that.
            preexec_fn=_hear_interrupts,  # noqa: PLW1509 — one call that takes no lock
        )
        self._running.append(process)
        return process

    def start(self, *arguments: str, **environment: str | None) -> Instance:
        """Runs it on free ports with `--json` and waits for the ready line; fails the test if there is none."""
        ports = () if "store" in arguments or "--port" in arguments else ("--port", "0")
        process = self.spawn(*arguments, *ports, "--json", **environment)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"no ready line: {process.communicate()[1]}"
        return Instance(process, json.loads(line))

    def failure(self, *arguments: str, **environment: str | None) -> tuple[int, str]:
        """Exit code and stderr of a run that is expected to end by itself."""
        process = self.spawn(*arguments, **environment)
        _, errors = process.communicate(timeout=PATIENCE)
        return process.returncode, errors


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
