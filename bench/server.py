"""The measured server: `python -m local` in a child process, with a counting proxy in front of its store.

Load generator -> `python -m local` (gateway and app) -> counting proxy -> MiniStack, one process each.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.banner import Ready
from local.settings import ROOT, chat_settings
from local.tokens import mint_for

from .stores import running_store

STOP_SECONDS = 10
LIMITS = {
    # The limits of one participant are lifted to find the server's own limit.
    "CHAT_LIMIT_MESSAGES_PER_SECOND": "1000",
    "CHAT_LIMIT_MESSAGE_BURST": "100000",
    "CHAT_LIMIT_CREATION_BURST": "10000",
    "CHAT_LIMIT_ADDITION_BURST": "10000",
    "CHAT_LIMIT_FRAMES_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_BURST": "100000000",
    "CHAT_LIMIT_CONNECTIONS": "1000",
}


class ServerFailed(Exception):
    """A part of the measured system did not start, or exited; the message names it."""


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A running server."""

    ready: Ready
    store_pid: int
    proxy: subprocess.Popen[str]

    def token(self, participant_id: str) -> str:
        """Return a token for a participant."""
        return mint_for(participant_id, participant_id.title(), 3600, chat_settings({}))

    def store_calls(self) -> Counter[str]:
        """Return the store operations so far. Raises ServerFailed."""
        if self.proxy.stdin is None or self.proxy.stdout is None:
            raise ServerFailed("the counting proxy has no pipes")
        try:
            print("counts?", file=self.proxy.stdin, flush=True)
            return Counter(json.loads(self.proxy.stdout.readline()))
        except (OSError, ValueError) as error:
            raise ServerFailed("the counting proxy has exited") from error

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each process so far; empty if the system does not provide it."""
        processes = {
            "server": self.ready.pid,
            "store": self.store_pid,
            "counting proxy": self.proxy.pid,
            "load generator": os.getpid(),
        }
        with contextlib.suppress(OSError):
            return {name: _cpu_seconds(pid) for name, pid in processes.items()}
        return {}


def _cpu_seconds(pid: int) -> float:
    """Return user and system time (proc(5), fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running_server() -> Iterator[MeasuredServer]:
    """Run a server with an empty store for the context. Raises ServerFailed, LocalError."""
    # The log is only shown if a process does not start: under load the server logs a lot.
    with contextlib.ExitStack() as stack, tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        store = stack.enter_context(running_store())
        proxy, line = _start(stack, log, "bench.counting_proxy", store.url)
        arguments = ("--port", "0", "--json", "--until-input-ends", "--store", line["url"])
        _, ready = _start(stack, log, "local", *arguments)
        yield MeasuredServer(Ready(**ready), store.pid, proxy)


def _start(
    stack: contextlib.ExitStack, log: IO[str], module: str, *arguments: str
) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start a Python program that prints a line of JSON; it is stopped with the stack. Raises ServerFailed."""
    unset = {"CHAT_CONVERSATIONS_TABLE", "CHAT_CONNECTIONS_TABLE", "CHAT_JWT_SECRET", "AWS_PROFILE"}
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in unset} | LIMITS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    stack.callback(_stop, process)
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        log.seek(0)
        raise ServerFailed(f"python -m {module} did not start. Its output:\n{log.read()[-2000:]}")
    answer: dict[str, Any] = json.loads(line)
    return process, answer


def _stop(process: subprocess.Popen[str]) -> None:
    """Stop a program by closing its standard input."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
