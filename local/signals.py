"""Being asked to stop: a signal, or the end of standard input, becomes one exception in the main thread."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked to stop. No `Exception`, so that no handler of errors takes it for one."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Raises `Stopped` in the main thread at SIGTERM, SIGINT or SIGHUP, once.

    A second signal ends the process at once, for a person who does not want to wait; whatever it started sees
    its standard input end and follows. Signals that the parent had ignored (nohup, a job in the background of
    a script) stay ignored. The former handlers come back at the end.
    """

    def exit_immediately(number: int, _frame: FrameType | None) -> None:
        os._exit(128 + number)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in previous_handlers:
            signal.signal(each, exit_immediately)
        raise Stopped

    previous_handlers = {
        each: signal.getsignal(each) for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN
    }
    for each in previous_handlers:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in previous_handlers.items():
            signal.signal(each, handler)


def stop_at_end_of_input(descriptor: int = 0) -> None:
    """Sends this process SIGTERM when nobody can write to its standard input any more.

    For programs that start an instance through a pipe: it ends with them, however they end.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(descriptor, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-of-input", daemon=True).start()
