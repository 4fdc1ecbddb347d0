"""The memory of an instance's process."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

IS_GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
PROGRAM = """
import ctypes, sys, threading
from local.memory import use_one_arena

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
if sys.argv[1] == "one":
    use_one_arena()
together = threading.Barrier(4)

def allocate():
    together.wait()
    libc.malloc(10_000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stream)
libc.fflush(stream)
"""


@pytest.mark.skipif(not IS_GLIBC, reason="another allocator than glibc's")
@pytest.mark.parametrize(("which", "is_one"), [("one", True), ("as many as threads", False)])
def test_threads_share_one_arena(which: str, is_one: bool) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, which], capture_output=True, text=True, check=True)
    assert (run.stdout.count("<heap nr=") == 1) is is_one
