"""MiniStack's own process, on a socket that was bound before, ending when whoever started it ends.

Run by the interpreter of `.venv-ministack`, which has none of this project. Its standard input is a pipe that
nobody writes to: the end of it says that the tests are gone, however they went. Served by uvicorn: what MiniStack
brings along passes on neither close codes nor WebSocket limits.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading

MAX_MESSAGE = 131_072
"""Of a WebSocket message, in bytes, as API Gateway has it."""


def _end_with_the_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    importlib.import_module("uvicorn").run(
        "ministack.app:app",
        fd=int(sys.argv[1]),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,  # seconds: clients keep their connections open
    )
