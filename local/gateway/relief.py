"""Relief for the functions while the gateway refuses messages: threads take turns at the interpreter more often.

The event loop and the workers share one interpreter. A thread that wants it waits until the running one blocks, or
for the switch interval. Under a flood of messages the event loop never blocks, but a function does so at each call
of the store, and then waits a whole interval: the loop gets most of the time, to refuse messages. A short interval
gives the functions their part. It is not set all the time, as each switch costs something.
"""

import asyncio
import sys
from collections.abc import Callable

INTERVAL = 0.0005
"""The switch interval in seconds, during relief."""
SECONDS = 1.0
"""How long relief lasts after a refusal; up to twice as long."""


class Relief:
    """Sets the switch interval of the process; one object per gateway, used from its event loop."""

    def __init__(
        self,
        get: Callable[[], float] = sys.getswitchinterval,
        set_to: Callable[[float], object] = sys.setswitchinterval,
        seconds: float = SECONDS,
    ) -> None:
        self._seconds = seconds
        self._get = get
        self._set = set_to
        self._usual: float | None = None
        self._is_needed = False

    def refused(self) -> None:
        """Begin or prolong the relief, as a message is refused."""
        self._is_needed = True
        if self._usual is None:
            self._usual = self._get()
            self._set(min(INTERVAL, self._usual))
            self._wait()

    def end(self) -> None:
        """Set the usual interval again; a no-op if it is set."""
        if self._usual is not None:
            self._set(self._usual)
            self._usual = None

    def _wait(self) -> None:
        self._is_needed = False
        asyncio.get_running_loop().call_later(self._seconds, self._check)

    def _check(self) -> None:
        if self._is_needed and self._usual is not None:
            self._wait()
        else:
            self.end()
