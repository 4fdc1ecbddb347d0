"""Standard streams that are closed, whose reader has ended, or whose disk is full."""

from __future__ import annotations

import contextlib
import os
import sys

MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def open_missing() -> None:
    """Open the null device for each stream that is closed: else another file gets its number, and the output."""
    for name, mode in MODES.items():
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(null, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 -- until the end


def flush() -> None:
    """Print the buffered output, or drop it: at exit Python would try that again, and print a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def complain(line: str) -> None:
    """Print the line of an error, if stderr can have it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
