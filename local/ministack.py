"""MiniStack's DynamoDB in a child process on 127.0.0.1: the emulator that the embedded engine is compared with.

`make run` does not need it. The contract tests and the benchmarks do, and its environment, `.venv-ministack`, is
that of the tests that deploy a whole stage to it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import threading
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

from local.errors import LocalError
from local.gateway.ports import HOST, listen
from local.settings import ROOT

START_SECONDS = 30.0  # until the first response, on a busy machine
STOP_SECONDS = 3.5
VENV = ".venv-ministack"
_PROCESS_SCRIPT = Path(__file__).with_name("ministack_process.py")


class Store:
    """A running MiniStack process; a context manager that stops it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.url = url
        self.pid = process.pid
        self._process = process
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
                f"MiniStack did not answer within {START_SECONDS:.0f} s. {self._last_output()}"
            ) from None
        except (OSError, http.client.HTTPException):
            raise self._exit_error() from None
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop the process. No-op if it has exited."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.is_running():
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=1)

    def _exit_error(self) -> LocalError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._reader.join(timeout=1)
        return LocalError(
            f"MiniStack (process {self.pid}) exited with code {self._process.poll()}. {self._last_output()}"
        )

    def _read_log(self) -> None:
        stream = self._process.stderr
        if stream is None:
            return
        for line in stream:
            text = line.decode("utf-8", errors="replace").rstrip()
            if text:
                self._last_lines.append(text)
        stream.close()

    def _last_output(self) -> str:
        if not self._last_lines:
            return "It printed nothing."
        return "Its last output:\n" + "\n".join(f"    {line}" for line in self._last_lines)


def start_store(region: str, root: Path = ROOT) -> Store:
    """Start MiniStack on a free port, without waiting until it is ready.

    Raises LocalError if its environment is missing.
    """
    python = root / VENV / "bin" / "python"
    if not python.exists():
        raise LocalError(f"{python.parent.parent} is missing: MiniStack runs in it. Run `make setup` first.")
    (listener,) = listen([0])
    with listener:
        process = subprocess.Popen(
            # Isolated mode keeps this directory, whose modules have common names, out of sys.path.
            [python, "-I", _PROCESS_SCRIPT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(region),
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C signals a whole process group
        )
        return Store(process, f"http://{HOST}:{listener.getsockname()[1]}")


def _environment(region: str) -> dict[str, str]:
    """Return the environment of MiniStack's process, with only the basic variables of the shell.

    MiniStack reads many variables with common names; and by default it opens ports for MQTT and SFTP.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    services = {"SERVICES": "dynamodb,dynamodbstreams", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    return {**inherited, **services, "LOG_LEVEL": "WARNING", "MINISTACK_REGION": region}
