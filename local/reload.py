"""`--reload`: run the server in a child process that restarts when a source file changes.

The store and the ports stay the same, so the printed URLs stay valid. If the server fails to start (after a syntax
error, for example), the next change of a file starts it again.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.banner import Ready
from local.errors import LocalError
from local.settings import ROOT, Ports

log = logging.getLogger(__name__)

POLL_SECONDS = 0.3
STOP_SECONDS = 4.0

ModificationTimes = Mapping[Path, int]


def watched_files(app_dir: Path) -> Iterable[Path]:
    """Yield the files that trigger a restart: code and definitions, but no logs, data or caches."""
    yield app_dir / "app.py"
    yield app_dir / ".chalice" / "config.json"
    yield from (app_dir / "chalicelib").rglob("*.py")
    yield from (ROOT / "local").rglob("*.py")
    yield from (ROOT / "infra").rglob("*.json")
    for folder in ("web/src", "clients/js/src"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file())


def modification_times(paths: Iterable[Path]) -> ModificationTimes:
    """Return the modification time of each file, in nanoseconds; missing files are left out."""
    times: dict[Path, int] = {}
    for path in paths:
        try:
            times[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return times


def changed_files(before: ModificationTimes, after: ModificationTimes) -> list[Path]:
    """Return the files that were created, deleted or written between two snapshots."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


class ServerProcess:
    """One run of the server in a child process, which exits when this process does."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local", "--json", "--until-input-ends", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=dict(environment),
            start_new_session=True,  # this process handles Ctrl-C and stops the child
        )
        self._ready_lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read_output, daemon=True).start()

    def ready(self) -> Ready | None:
        """Return the server's addresses when it becomes ready: once, and None otherwise."""
        try:
            line = self._ready_lines.get_nowait()
        except queue.Empty:
            return None
        return Ready.from_line(line)

    def is_running(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Shut the server down gracefully, so that its WebSocket clients receive a close frame."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read_output(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as stream:
                for line in stream:
                    self._ready_lines.put(line)


class Reloader:
    """Keeps a server running and restarts it at each change.

    `check` is called at every poll and raises if running makes no sense any more (the store has exited).
    `announce` is called once, with the addresses of the first server that becomes ready.
    """

    def __init__(
        self,
        app_dir: Path,
        store_url: str,
        arguments: list[str],
        check: Callable[[], None],
        announce: Callable[[Ready], None],
    ) -> None:
        self._app_dir = app_dir
        self._store_url = store_url
        self._arguments = arguments
        self._check = check
        self._announce = announce

    def run(self, ports: Ports) -> None:
        """Run until an exception is raised, then stop the server."""
        announced = False
        while True:
            before = self._modification_times()
            server = self._start(ports)
            try:
                started = time.monotonic()
                reported = False
                while not (changes := changed_files(before, self._modification_times())):
                    self._check()
                    ready = server.ready()
                    if ready is not None and not announced:
                        announced = True
                        ports = _ports_from(ready)
                        self._announce(ready)
                    elif ready is not None:
                        log.info("ready again after %.1f s", time.monotonic() - started)
                    if not reported and not server.is_running():
                        if not announced:
                            raise LocalError("The server could not be started; the cause is logged above.")
                        log.error("the server exited; it restarts at the next change of a source file")
                        reported = True
                    time.sleep(POLL_SECONDS)
                log.info("%s changed", ", ".join(_display_path(path) for path in changes[:3]))
            finally:
                server.stop()

    def _modification_times(self) -> ModificationTimes:
        return modification_times(watched_files(self._app_dir))

    def _start(self, ports: Ports) -> ServerProcess:
        port_options = ["--port", str(ports.http), "--ws-port", str(ports.websocket), "--web-port", str(ports.web)]
        return ServerProcess([*port_options, "--store", self._store_url, *self._arguments], os.environ)


def _ports_from(ready: Ready) -> Ports:
    urls = (ready.http_url, ready.ws_url, ready.store_url, ready.web_url or "")
    return Ports(*(urlsplit(url).port or 0 for url in urls))


def _display_path(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
