"""MiniStack's own process, on a socket that was bound before, ending when whoever started it ends.

Run by the interpreter of `.venv-ministack`, which has none of this project: `python -I DIRECTORY SOCKET SETTINGS`.
Its standard input is a pipe that nobody writes to: the end of it says that the tests are gone, however they went.
Served by uvicorn: what MiniStack brings along passes on neither close codes nor WebSocket limits.
"""

from __future__ import annotations

import importlib
import json
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


def _wait_less_for_logs() -> None:
    """After each event MiniStack waits 50 ms for what a function may still log, and has no setting for it."""
    runtime = importlib.import_module("ministack.core.lambda_runtime")
    runtime.Worker._drain_stderr_bounded.__defaults__ = (0.001, 0.001, 0.25)  # seconds: first line, quiet, at most


if __name__ == "__main__":
    _wait_less_for_logs()
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    door = importlib.import_module("door").Door(
        importlib.import_module("ministack.app").app, **json.loads(sys.argv[2])
    )
    door.hear(importlib.import_module("ministack.services.apigateway"))
    importlib.import_module("uvicorn").run(
        door,
        fd=int(sys.argv[1]),
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,  # seconds: clients keep their connections open
    )
