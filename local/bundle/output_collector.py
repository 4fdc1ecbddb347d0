"""The functions' stdout and stderr, written line by line to the log of the instance."""

from __future__ import annotations

import os
import selectors
import threading
from typing import TextIO

_CHUNK = 65_536
_MAX_LINE_BYTES = 262_144
"""The maximum length of a line in bytes; longer lines are split, as CloudWatch Logs splits events."""


class OutputCollector:
    """Reads the output of all environments in one thread and writes it to one stream.

    A line that is a JSON object is passed through; other lines are prefixed with the function's name.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._new: list[tuple[int, _LineBuffer]] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="functions' output", daemon=True)
        self._thread.start()

    def add(self, name: str) -> int:
        """Return the write end of a new pipe for one environment; the caller closes it after the start."""
        reading, writing = os.pipe()
        with self._lock:
            self._new.append((reading, _LineBuffer(name)))
        os.write(self._wake_write, b"+")
        return writing

    def stop(self) -> None:
        """Write the remaining output; all environments must have exited. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        os.write(self._wake_write, b".")
        self._thread.join()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        while not self._stopping or len(self._selector.get_map()) > 1 or self._new:
            for key, _ in self._selector.select():
                if key.fd == self._wake_read:
                    os.read(self._wake_read, _CHUNK)
                    self._register_new()
                else:
                    self._read(key.fd, key.data)

    def _register_new(self) -> None:
        with self._lock:
            new, self._new = self._new, []
        for reading, lines in new:
            self._selector.register(reading, selectors.EVENT_READ, lines)

    def _read(self, descriptor: int, lines: _LineBuffer) -> None:
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            self._selector.unregister(descriptor)
            os.close(descriptor)
        text = "".join(lines.feed(chunk))
        if text:
            self._stream.write(text)
            self._stream.flush()


class _LineBuffer:
    """Assembles the lines of one environment."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._partial = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that this chunk completes; an empty chunk completes the last line."""
        *complete, self._partial = (self._partial + chunk).split(b"\n")
        if self._partial and (not chunk or len(self._partial) > _MAX_LINE_BYTES):
            complete.append(self._partial)
            self._partial = b""
        return [self._format(line.decode("utf-8", "replace")) for line in complete if line.strip()]

    def _format(self, line: str) -> str:
        if line.startswith("{"):
            return f"{line}\n"
        # The runtime separates traceback lines with carriage returns, to keep them in one CloudWatch event.
        return "".join(f"{self._name}: {part}\n" for part in line.split("\r") if part.strip())
