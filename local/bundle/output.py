"""What functions write to stdout and stderr, in the log of the instance, as whole lines."""

from __future__ import annotations

import os
import selectors
import threading
from typing import TextIO

_CHUNK = 65_536
_LONGEST = 262_144
"""Bytes of a line; a longer one is broken there, as CloudWatch Logs breaks an event."""


class Output:
    """Reads the output of all environments in one thread and writes it to one stream.

    A line that is a JSON object stays as it is, for whoever reads those; before any other stands whose it is.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._new: list[tuple[int, _Lines]] = []
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="functions' output", daemon=True)
        self._thread.start()

    def add(self, name: str) -> int:
        """The writing end of a pipe for one environment; whoever starts it closes it here afterwards."""
        reading, writing = os.pipe()
        with self._lock:
            self._new.append((reading, _Lines(name)))
        os.write(self._wake_write, b"+")
        return writing

    def stop(self) -> None:
        """Writes what is left; the environments have ended by then. Safe to call twice."""
        if self._ended:
            return
        self._ended = True
        os.write(self._wake_write, b".")
        self._thread.join()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        while not self._ended or len(self._selector.get_map()) > 1 or self._new:
            for key, _ in self._selector.select():
                if key.fd == self._wake_read:
                    os.read(self._wake_read, _CHUNK)
                    self._take_new()
                else:
                    self._read(key.fd, key.data)

    def _take_new(self) -> None:
        with self._lock:
            new, self._new = self._new, []
        for reading, lines in new:
            self._selector.register(reading, selectors.EVENT_READ, lines)

    def _read(self, descriptor: int, lines: _Lines) -> None:
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            self._selector.unregister(descriptor)
            os.close(descriptor)
        text = "".join(lines.take(chunk))
        if text:
            self._stream.write(text)
            self._stream.flush()


class _Lines:
    """Puts together the lines of one environment."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = b""

    def take(self, chunk: bytes) -> list[str]:
        """The lines that are complete with this chunk; an empty chunk completes the last one."""
        *whole, self._begun = (self._begun + chunk).split(b"\n")
        if self._begun and (not chunk or len(self._begun) > _LONGEST):
            whole.append(self._begun)
            self._begun = b""
        return [self._shown(line.decode("utf-8", "replace")) for line in whole if line.strip()]

    def _shown(self, line: str) -> str:
        if line.startswith("{"):
            return f"{line}\n"
        # The runtime separates the lines of a traceback by carriage returns, to keep them together in CloudWatch.
        return "".join(f"{self._name}: {part}\n" for part in line.split("\r") if part.strip())
