"""The store's own process: MiniStack on a socket that the launcher bound, ending when the launcher ends.

Run by the interpreter of `.venv-store`, which has MiniStack and none of this project. Its standard input is a
pipe that nobody writes to: the end of it says that the launcher is gone, however it went, also by SIGKILL; so
no store is left behind on any system that has pipes. Being asked to stop and being left are the same: the
server is shut down in order, which is when MiniStack saves its state.

MiniStack's own command serves it by Hypercorn; by uvicorn with httptools a call costs half of that.
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

KEEP_ALIVE_TIMEOUT = 75  # seconds; what MiniStack's own command uses
SHUTDOWN_TIMEOUT = 1  # seconds that requests under way get; connections on which there are none are closed at once


async def serve(descriptor: int) -> None:
    """Serves MiniStack on the inherited socket until SIGTERM or the end of standard input."""
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
    server.capture_signals = contextlib.nullcontext  # the signals are ours, see below

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is the launcher's to handle
    threading.Thread(target=_call_at_end_of_input, args=(stop,), daemon=True).start()
    await server.serve([socket.socket(fileno=descriptor)])


def _call_at_end_of_input(stop: Callable[[], None]) -> None:
    """Calls `stop` once every writing end of standard input is closed. Runs in a thread: the read blocks."""
    while os.read(0, 1024):
        pass
    stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
