"""The built-in store: MiniStack in a child process on 127.0.0.1, in memory or with a data directory.

The launcher binds the socket and passes it to the child, so that a port in use is reported at once and a port
chosen by the operating system is known. With a data directory, MiniStack loads its state at startup and saves it
at a graceful shutdown. A lock in the directory excludes a second instance; the store's process holds it too, so
that a new instance waits until the old one has saved.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import logging
import os
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from local.errors import LocalError
from local.settings import ROOT

HOST = "127.0.0.1"
START_SECONDS = 30.0  # until the first response, on a busy machine
STOP_SECONDS = 3.5  # until the process exits, so that a whole instance stops within 5
SAVE_SECONDS = 30.0  # until the process exits if it saves its state: a slow stop is better than lost data
LOCK_SECONDS = 3.0  # to wait for the lock of an instance that is stopping
_PROCESS_SCRIPT = Path(__file__).with_name("store_process.py")

log = logging.getLogger(__name__)


class Store:
    """A running MiniStack process; a context manager that stops it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, state: Path | None) -> None:
        self.url = url
        self.pid = process.pid
        self._process = process
        self._state_file = state
        self.has_saved_state = state is not None and state.exists()
        self._last_lines: deque[str] = deque(maxlen=5)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def is_running(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until the store answers. Raises LocalError if it exits or does not answer in time."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or HOST, address.port, timeout=START_SECONDS)
        # The socket is already listening, so a single request waits as long as the store needs.
        try:
            connection.request("GET", "/_ministack/health")
            connection.getresponse().read()
        except TimeoutError:
            raise LocalError(
                f"The store did not answer within {START_SECONDS:.0f} s. {self._last_output()}"
            ) from None
        except (OSError, http.client.HTTPException):
            raise self.exit_error() from None
        finally:
            connection.close()

    def exit_error(self) -> LocalError:
        """Return the error for a store that has exited by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._reader.join(timeout=1)
        return LocalError(
            f"The store (MiniStack, process {self.pid}) exited with code {self._process.poll()}."
            f" {self._last_output()}"
        )

    def kill(self) -> None:
        """Kill the process, so that it does not save its state."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop the process, which saves its state if it has a data directory. No-op if it has exited."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.is_running():
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS if self._state_file is None else SAVE_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("the store did not stop in time and was killed")
            self.kill()
        self._reader.join(timeout=1)

    def _read_log(self) -> None:
        stream = self._process.stderr
        if stream is None:
            return
        for line in stream:
            text = line.decode("utf-8", errors="replace").rstrip()
            if text:
                self._last_lines.append(text)
                log.info("store: %s", text)
        stream.close()

    def _last_output(self) -> str:
        if not self._last_lines:
            return "It printed nothing."
        return "Its last output:\n" + "\n".join(f"    {line}" for line in self._last_lines)


def start_store(port: int, data: Path | None, region: str, root: Path = ROOT) -> Store:
    """Start a store on a port (0: chosen by the operating system) without waiting until it is ready.

    Raises LocalError if the port or the data directory is in use, if the directory is not writable, or if
    `.venv-store` is missing.
    """
    python = root / ".venv-store" / "bin" / "python"
    if not python.exists():
        raise LocalError(f"{python.parent.parent} is missing: the store runs in it. Run `make setup` first.")
    with contextlib.ExitStack() as resources:
        listener = resources.enter_context(_listen(port))
        inherited_fds = [listener.fileno()]
        variables = {"LOG_LEVEL": "WARNING", "MINISTACK_REGION": region}
        if data is not None:
            inherited_fds.append(resources.enter_context(_lock_directory(data)).fileno())
            variables |= {"PERSIST_STATE": "1", "STATE_DIR": str(data.resolve())}
        process = subprocess.Popen(
            # Isolated mode keeps this directory, whose modules have common names, out of sys.path.
            [python, "-I", _PROCESS_SCRIPT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(variables),
            pass_fds=inherited_fds,
            start_new_session=True,  # Ctrl-C signals a whole process group; the store must stop after the gateway
        )
        state_file = None if data is None else data.resolve() / "dynamodb.json"
        return Store(process, f"http://{HOST}:{listener.getsockname()[1]}", state_file)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the store's process, with only the basic variables of the shell.

    MiniStack reads many variables with common names; and by default it opens ports for MQTT and SFTP.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    services = {"SERVICES": "dynamodb,dynamodbstreams,sqs", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    return {**inherited, **services, **variables}


def _listen(port: int) -> socket.socket:
    """Return a listening socket on 127.0.0.1. Raises LocalError if the port is in use or not permitted."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as exc:
        listener.close()
        raise LocalError(
            f"The store's port {port} on {HOST} cannot be used ({os.strerror(exc.errno or 0)})."
            " Another instance may be running; choose another with --port or --store-port (0: any free port)."
        ) from None
    return listener


@contextlib.contextmanager
def _lock_directory(data: Path) -> Iterator[IO[str]]:
    """Create the data directory if missing and hold its lock. Raises LocalError if in use or not writable."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("w")
    except OSError as exc:
        raise LocalError(f"--data {data} is not writable ({exc.strerror}).") from None
    with lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise LocalError(f"--data {data} is in use by another instance; stop that instance first.")
            time.sleep(0.05)
        yield lock


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
