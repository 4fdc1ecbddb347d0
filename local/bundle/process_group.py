"""A process group that guarantees that no execution environment outlives the instance."""

from __future__ import annotations

import subprocess
import sys

# The leader's standard input is a pipe that is never written to: end of file means that the instance has exited,
# also by SIGKILL. A function in an endless loop could not react to that; a signal to its group needs no
# cooperation.
_LEADER_PROGRAM = """
import os, signal
while os.read(0, 64):
    pass
os.killpg(0, signal.SIGKILL)
"""


class ProcessGroup:
    """A process that leads the group of all execution environments and kills the group when it exits."""

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
        """The id of the group to start environments in. Ctrl-C in a terminal does not signal it."""
        return self._process.pid

    def stop(self) -> None:
        """Kill the whole group, as Lambda terminates environments. Idempotent."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
