"""Time, as one object that tests can replace: what stands in events, what fills buckets, what is waited for.

Only the wait for a function is not measured on it, because a function runs in real time.
"""

import asyncio
import time


class Clock:
    """The time of day, a clock that never goes back, and waiting; all in seconds."""

    def time(self) -> float:
        """Seconds since the epoch, for what stands in events and answers."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that only rises, for limits, buckets and caches."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait until ``monotonic`` has risen by ``seconds``."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for ``event``, but not longer than ``seconds``."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(event.wait()), loop.create_task(self.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
