"""MiniStack's process: it serves a socket that its parent has bound, and exits when its parent exits.

Run by the interpreter of `.venv-ministack`, in which this project is not installed: `python -I DIRECTORY SOCKET
SETTINGS`. Its standard input is a pipe without data; its end means that the tests have exited, even by a crash.
The server is uvicorn, because MiniStack's own server forwards neither close codes nor WebSocket limits.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MAX_MESSAGE = 131_072
"""The limit of API Gateway for a WebSocket message, in bytes."""


def _exit_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _shorten_log_waits() -> None:
    """Shorten the 50 ms for which MiniStack waits for log lines after each event; it has no setting for it."""
    runtime = importlib.import_module("ministack.core.lambda_runtime")
    runtime.Worker._drain_stderr_bounded.__defaults__ = (0.001, 0.001, 0.25)  # seconds: first line, quiet, at most


class SharedZip(zipfile.ZipFile):
    """A zip that is unpacked once: each further directory gets links to the same files."""

    _lock = threading.Lock()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack everything into a directory."""
        content = Path(str(self.filename)).read_bytes()
        unpacked = Path(tempfile.gettempdir()) / f"unpacked-{hashlib.sha256(content).hexdigest()}"
        with self._lock:
            if not unpacked.exists():
                super().extractall(unpacked, members, pwd)
        shutil.copytree(unpacked, path, copy_function=os.link, dirs_exist_ok=True)


def _share_code() -> None:
    """Unpack the code of the functions once; MiniStack does it for each of their processes."""
    runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedZip})


def _widen_recovery() -> None:
    """Let point-in-time recovery reach back for 35 days, as on AWS; MiniStack restores the present in any case."""
    dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
    describe = dynamodb._describe_continuous_backups

    def described(data: Any) -> Any:
        status, headers, body = describe(data)
        answer = json.loads(body)
        recovery = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
        if "EarliestRestorableDateTime" in recovery:
            recovery["EarliestRestorableDateTime"] -= 35 * 24 * 3600
        return status, headers, json.dumps(answer).encode()

    dynamodb._describe_continuous_backups = described


if __name__ == "__main__":
    _shorten_log_waits()
    _share_code()
    _widen_recovery()
    threading.Thread(target=_exit_with_stdin, daemon=True).start()
    adapter = importlib.import_module("adapter").Adapter(
        importlib.import_module("ministack.app").app, **json.loads(sys.argv[2])
    )
    adapter.patch(importlib.import_module("ministack.services.apigateway"))
    adapter.patch_import(importlib.import_module("ministack.services.apigateway_v1"))
    importlib.import_module("uvicorn").run(
        adapter,
        fd=int(sys.argv[1]),
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,  # seconds: clients keep their connections open
    )
