"""A process that can start no thread, as at its limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NO_ADDRESS_SPACE = 1 << 46


@contextmanager
def without_new_threads() -> Iterator[None]:
    """Let each start of a thread raise RuntimeError: there is no room for its stack."""
    size = threading.stack_size(_NO_ADDRESS_SPACE)
    try:
        yield
    finally:
        threading.stack_size(size)
