"""The real server to be measured: `python -m local` in a process of its own, with a counted store behind it.

Load generator -> `python -m local` (gateway and app) -> counting proxy -> MiniStack, a process each.
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
    # A participant may send ten messages a second: to find the server's limit, that one is lifted.
    "CHAT_LIMIT_MESSAGES_PER_SECOND": "1000",
    "CHAT_LIMIT_MESSAGE_BURST": "1000",
}


class ServerFailed(Exception):
    """A part of what is to be measured did not start, or died; the message says which."""


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A running server."""

    ready: Ready
    store_pid: int
    proxy: subprocess.Popen[str]

    def token(self, participant_id: str) -> str:
        """A token for somebody."""
        return mint_for(participant_id, participant_id.title(), 3600, chat_settings({}))

    def store_calls(self) -> Counter[str]:
        """The operations that the store was asked for so far. Raises ServerFailed."""
        if self.proxy.stdin is None or self.proxy.stdout is None:
            raise ServerFailed("the counting proxy has no pipes")
        try:
            print("counts?", file=self.proxy.stdin, flush=True)
            return Counter(json.loads(self.proxy.stdout.readline()))
        except (OSError, ValueError) as error:
            raise ServerFailed("the counting proxy has ended") from error

    def cpu_seconds(self) -> dict[str, float]:
        """What each process has used of the processor so far; empty where the system does not say."""
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
    """User and system time (proc(5), fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running_server() -> Iterator[MeasuredServer]:
    """A server with an empty store; all of it ends with the context. Raises ServerFailed, LocalError."""
    # What they log is of interest only if they do not start; a server under such a load has a lot to say.
    with contextlib.ExitStack() as stack, tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        store = stack.enter_context(running_store())
        proxy, line = _start(stack, log, "bench.counting_proxy", store.url)
        arguments = ("--port", "0", "--json", "--until-input-ends", "--store", line["url"])
        _, ready = _start(stack, log, "local", *arguments)
        yield MeasuredServer(Ready(**ready), store.pid, proxy)


def _start(
    stack: contextlib.ExitStack, log: IO[str], module: str, *arguments: str
) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A Python program that has written a line of JSON; it is stopped at the end. Raises ServerFailed."""
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
        raise ServerFailed(f"python -m {module} did not start. It said:\n{log.read()[-2000:]}")
    answer: dict[str, Any] = json.loads(line)
    return process, answer


def _stop(process: subprocess.Popen[str]) -> None:
    """Both programs end with their standard input."""
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
