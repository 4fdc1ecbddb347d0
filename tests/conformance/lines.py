"""A client under test: a process that answers each line of JSON with others, and `idle` at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any

Line = dict[str, Any]
HELLO: Line = {"type": "hello", "protocol": 1}


class ClientEnded(AssertionError):
    """The process of the client ended by itself, or wrote something else than the protocol."""


class ClientProcess:
    """Starts the adapter of a client, and starts it again after each kill."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[str] | None = None
        self.hello: Line = {}

    def start(self) -> Line:
        """Start the process, if it is not running; return its answer to `hello`."""
        self._running()
        return self.hello

    def turn(self, line: Line) -> list[Line]:
        """Write a line; return those that the client writes until `idle`, which is the last one."""
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(line, separators=(",", ":")) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._answer()

    def kill(self) -> None:
        """End the process as a crash does: by SIGKILL."""
        if self._process is None:
            return
        if "pid" in self.hello:
            os.kill(self.hello["pid"], signal.SIGKILL)
            assert self._process.stdout is not None
            while (text := self._process.stdout.readline()) and json.loads(text)["type"] != "killed":
                pass
            self.hello = self.turn(HELLO)[0]
        else:
            self._process.send_signal(signal.SIGKILL)
            self.close()

    def close(self) -> None:
        """End the process by the end of its input, and wait for it."""
        if self._process is not None:
            process, self._process = self._process, None
            with self._errors, contextlib.suppress(BrokenPipeError), process:
                pass

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed with the process
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
            self._process = subprocess.Popen(self._command, text=True, encoding="utf-8", **pipes)  # type: ignore[call-overload]
            self.hello = self.turn(HELLO)[0]
        return self._process

    def _answer(self) -> list[Line]:
        assert self._process is not None
        assert self._process.stdout is not None
        lines: list[Line] = []
        for text in self._process.stdout:
            try:
                lines.append(json.loads(text))
            except ValueError:
                raise ClientEnded(f"the client wrote no JSON: {text}") from None
            if lines[-1]["type"] == "idle":
                return lines
        raise self._ended()

    def _ended(self) -> ClientEnded:
        assert self._process is not None
        status = self._process.wait(10)
        self._errors.seek(0)
        return ClientEnded(f"the client ended with status {status}: {self._errors.read()[-4_000:]}")
