"""MiniStack's process, on a socket that its parent process bound, for as long as the parent runs.

It runs under the interpreter of `.venv-ministack`, which has MiniStack but none of this project. Its standard
input is a pipe that the parent never writes to: end of file means that the parent has exited, for any reason
including SIGKILL, so no process is left behind.

MiniStack's own command uses Hypercorn; with uvicorn and httptools a call costs half as much.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

KEEP_ALIVE_TIMEOUT = 75  # seconds, as in MiniStack's own command
SHUTDOWN_TIMEOUT = 1  # seconds for requests in progress; idle connections are closed at once


async def serve(descriptor: int) -> None:
    """Serve MiniStack on the inherited socket until SIGTERM or the end of standard input."""
    uvicorn = importlib.import_module("uvicorn")
    server = uvicorn.Server(
        uvicorn.Config(
            importlib.import_module("ministack.app").app,
            http="httptools",
            ws="none",
            access_log=False,
            log_level=os.environ["LOG_LEVEL"].lower(),
            timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        )
    )
    server.capture_signals = contextlib.nullcontext  # this function handles the signals, below

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the launcher handles Ctrl-C
    threading.Thread(target=_call_at_end_of_input, args=(stop,), daemon=True).start()
    await server.serve([socket.socket(fileno=descriptor)])


def _call_at_end_of_input(stop: Callable[[], None]) -> None:
    """Call `stop` at the end of standard input. Blocks, so it runs in a thread."""
    while os.read(0, 1024):
        pass
    stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
