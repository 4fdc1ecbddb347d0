"""The store of the local cloud: MiniStack as a process of its own on 127.0.0.1, in memory or with a directory.

The launcher binds the socket and hands it down, so a port in use is known at once and by its own error, and a
port chosen by the system needs no guessing. With a data directory MiniStack loads its state at start and saves
it on a shutdown in order; a lock in the directory keeps a second instance out, and it is held by the store's
process too, so a new one waits until an old one has saved.
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
START_SECONDS = 30.0  # to answer for the first time, on a busy machine
STOP_SECONDS = 3.5  # to end, so that everything ends within 5
SAVE_SECONDS = 30.0  # to end where conversations are being saved: better late than lost
LOCK_SECONDS = 3.0  # to wait for an instance that is just ending
_PROCESS_SCRIPT = Path(__file__).with_name("store_process.py")

log = logging.getLogger(__name__)


class Store:
    """A MiniStack that was started; use it as a context manager, whose end stops it."""

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
        """Whether its process lives."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Returns once the store answers. Raises LocalError when it dies before or takes too long."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or HOST, address.port, timeout=START_SECONDS)
        # The socket listens already, so one request waits for its answer as long as the store needs.
        try:
            connection.request("GET", "/_ministack/health")
            connection.getresponse().read()
        except TimeoutError:
            raise LocalError(
                f"The store gave no answer within {START_SECONDS:.0f} s. {self._last_output()}"
            ) from None
        except (OSError, http.client.HTTPException):
            raise self.exit_error() from None
        finally:
            connection.close()

    def exit_error(self) -> LocalError:
        """The sentence for a store that ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._reader.join(timeout=1)
        return LocalError(
            f"The store (MiniStack, process {self.pid}) ended by itself with code {self._process.poll()}."
            f" {self._last_output()}"
        )

    def kill(self) -> None:
        """Ends the process at once, without letting it save what it has."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends the process; it saves its state if it has a directory. Harmless when it has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.is_running():
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS if self._state_file is None else SAVE_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("the store did not end in time and was killed")
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
            return "It said nothing."
        return "It said:\n" + "\n".join(f"    {line}" for line in self._last_lines)


def start_store(port: int, data: Path | None, region: str, root: Path = ROOT) -> Store:
    """Starts a store on a port (0: the system chooses); it is not ready yet when this returns.

    Raises LocalError when the port or the data directory is in use, the directory cannot be written, or
    `.venv-store` is missing.
    """
    python = root / ".venv-store" / "bin" / "python"
    if not python.exists():
        raise LocalError(f"{python.parent.parent} is missing: it holds the store. Run `make setup` first.")
    with contextlib.ExitStack() as resources:
        listener = resources.enter_context(_listen(port))
        inherited_fds = [listener.fileno()]
        variables = {"LOG_LEVEL": "WARNING", "MINISTACK_REGION": region}
        if data is not None:
            inherited_fds.append(resources.enter_context(_lock_directory(data)).fileno())
            variables |= {"PERSIST_STATE": "1", "STATE_DIR": str(data.resolve())}
        process = subprocess.Popen(
            # Isolated mode keeps this directory, whose modules have common names, out of its path.
            [python, "-I", _PROCESS_SCRIPT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(variables),
            pass_fds=inherited_fds,
            start_new_session=True,  # Ctrl-C reaches a whole group; the store must outlive the sockets' end
        )
        state_file = None if data is None else data.resolve() / "dynamodb.json"
        return Store(process, f"http://{HOST}:{listener.getsockname()[1]}", state_file)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What the store's process sees: nothing of the shell's but where things are.

    MiniStack reads many variables with common names; and it opens ports of its own for MQTT and SFTP.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    services = {"SERVICES": "dynamodb,dynamodbstreams,sqs", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    return {**inherited, **services, **variables}


def _listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1. Raises LocalError when the port is in use or not allowed."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as exc:
        listener.close()
        raise LocalError(
            f"Port {port} on {HOST}, meant for the store, cannot be used ({os.strerror(exc.errno or 0)})."
            " Another instance may be running; choose others with --port or --store-port (0: any free port)."
        ) from None
    return listener


@contextlib.contextmanager
def _lock_directory(data: Path) -> Iterator[IO[str]]:
    """The lock of a data directory, made if need be. Raises LocalError when it is in use or not writable."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("w")
    except OSError as exc:
        raise LocalError(f"--data {data} cannot be written ({exc.strerror}).") from None
    with lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise LocalError(f"--data {data} is in use by another instance; stop that one first.")
            time.sleep(0.05)
        yield lock


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
