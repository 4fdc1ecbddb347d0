"""`--reload`: the server runs as a process of its own and starts anew when a source file changes.

The store goes on running meanwhile, and so do the ports: what is told once stays true. A server that does not
come up again (a syntax error, say) is not given up: the next change starts it anew.
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
    """The files whose change matters: code and definitions, never logs, data or caches beside them."""
    yield app_dir / "app.py"
    yield app_dir / ".chalice" / "config.json"
    yield from (app_dir / "chalicelib").rglob("*.py")
    yield from (ROOT / "local").rglob("*.py")
    yield from (ROOT / "infra").rglob("*.json")


def modification_times(paths: Iterable[Path]) -> ModificationTimes:
    """When each of the files was changed last, in nanoseconds; one that vanished meanwhile is left out."""
    times: dict[Path, int] = {}
    for path in paths:
        try:
            times[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return times


def changed_files(before: ModificationTimes, after: ModificationTimes) -> list[Path]:
    """The files that came, went or were written between two looks."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


class ServerProcess:
    """One run of the server as a process of its own, which ends when this process ends."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local", "--json", "--until-input-ends", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C is this process's to hand on
        )
        self._ready_lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read_output, daemon=True).start()

    def ready(self) -> Ready | None:
        """The server's addresses once it is ready, None before; given once."""
        try:
            line = self._ready_lines.get_nowait()
        except queue.Empty:
            return None
        return Ready.from_line(line)

    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ends it in order, so that its sockets are told."""
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
    """Keeps a server running and starts it anew at each change.

    `check` is called at every look and raises when there is no point in going on (the store is gone);
    `announce` is called once, with the addresses of the first server that comes up.
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
        """Runs until an exception ends it; the server ends with it."""
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
                            raise LocalError("The server could not be started; it says why above.")
                        log.error("the server ended; it starts anew at the next change of a source file")
                        reported = True
                    time.sleep(POLL_SECONDS)
                log.info("%s changed", ", ".join(_display_path(path) for path in changes[:3]))
            finally:
                server.stop()

    def _modification_times(self) -> ModificationTimes:
        return modification_times(watched_files(self._app_dir))

    def _start(self, ports: Ports) -> ServerProcess:
        port_options = ["--port", str(ports.http), "--ws-port", str(ports.websocket)]
        return ServerProcess([*port_options, "--store", self._store_url, *self._arguments], os.environ)


def _ports_from(ready: Ready) -> Ports:
    http, websocket, store = (urlsplit(url).port for url in (ready.http_url, ready.ws_url, ready.store_url))
    return Ports(http or 0, websocket or 0, store or 0)


def _display_path(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
