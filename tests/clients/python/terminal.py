"""The output of a command on a terminal."""

from __future__ import annotations

import contextlib
import os
import select

from tests.local.instance import TIMEOUT


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Return the output up to some text. Raises AssertionError if it does not come."""
    printed = b""
    with contextlib.suppress(OSError):  # the command has ended
        while wanted not in printed and select.select([descriptor], [], [], TIMEOUT)[0]:
            printed += os.read(descriptor, 65_536)
    assert wanted in printed, printed
    return printed


def read_to_end(descriptor: int) -> bytes:
    """Return the rest of the output. A command that prints more than the terminal buffers needs this to end."""
    printed = b""
    with contextlib.suppress(OSError):  # the command has ended
        while select.select([descriptor], [], [], TIMEOUT)[0] and (part := os.read(descriptor, 65_536)):
            printed += part
    return printed
