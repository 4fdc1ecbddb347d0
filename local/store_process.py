"""The store's own process: MiniStack on a socket that the launcher bound, ending when the launcher ends.

Run by the interpreter of `.venv-store`, which has MiniStack and none of this project. Its standard input is a
pipe that nobody writes to: the end of it says that the launcher is gone, however it went, also by SIGKILL; so
no store is left behind on any system that has pipes. Being asked to stop and being left are the same: the
server is shut down in order, which is when MiniStack saves its state.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
import threading

KEEP_ALIVE = 75  # seconds; what MiniStack's own command uses
GRACE = 0.2  # seconds that open connections get: the launcher's own clients keep theirs open


async def serve(descriptor: int) -> None:
    """Serves MiniStack on the inherited socket until SIGTERM or the end of standard input."""
    hypercorn = importlib.import_module("hypercorn.asyncio")
    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = KEEP_ALIVE
    config.graceful_timeout = GRACE
    config.loglevel = os.environ["LOG_LEVEL"]
    application = importlib.import_module("ministack.app").app

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is the launcher's to handle
    threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
    await hypercorn.serve(application, config, shutdown_trigger=stop.wait)


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Sets `stop` once every writing end of standard input is closed. Runs in a thread: the read blocks."""
    while os.read(0, 1024):
        pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
