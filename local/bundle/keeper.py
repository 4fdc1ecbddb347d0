"""Sees to it that no execution environment outlives the instance, however that ends."""

from __future__ import annotations

import subprocess
import sys

# Its standard input is a pipe that nobody writes to: the end of it says that the instance is gone, also by
# SIGKILL. A function in an endless loop would notice nothing; a signal to the group needs nobody's help.
_LEADER_PROGRAM = """
import os, signal
while os.read(0, 64):
    pass
os.killpg(0, signal.SIGKILL)
"""


class ProcessGroup:
    """A small process that leads the process group of all environments and takes it with it when it ends."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LEADER_PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            process_group=0,
        )

    @property
    def id(self) -> int:
        """The process group to start environments in. Ctrl-C in a terminal does not reach it."""
        return self._process.pid

    def stop(self) -> None:
        """Ends the whole group at once, as Lambda ends environments. Safe to call twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
