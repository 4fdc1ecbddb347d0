"""Stop requests: a signal or the end of standard input raises one exception in the main thread."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """A stop was requested. Not an `Exception`, so that error handlers do not catch it."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first SIGTERM, SIGINT or SIGHUP.

    A second signal ends the process immediately; child processes see the end of their standard input and exit.
    Signals that were ignored at the start (nohup, a background job of a script) stay ignored. The previous
    handlers are restored at the end of the context.
    """

    def exit_immediately(number: int, _frame: FrameType | None) -> None:
        os._exit(128 + number)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for signal_number in previous_handlers:
            signal.signal(signal_number, exit_immediately)
        raise Stopped

    handlers = {signal_number: signal.getsignal(signal_number) for signal_number in SIGNALS}
    previous_handlers = {
        signal_number: handler for signal_number, handler in handlers.items() if handler is not signal.SIG_IGN
    }
    for signal_number in previous_handlers:
        signal.signal(signal_number, stop)
    try:
        yield
    finally:
        for signal_number, handler in previous_handlers.items():
            signal.signal(signal_number, handler)


def stop_at_end_of_input(descriptor: int = 0) -> None:
    """Send this process SIGTERM at the end of its standard input.

    A program that starts an instance through a pipe can rely on it: the instance stops with the program, however
    the program ends.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(descriptor, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-of-input", daemon=True).start()
