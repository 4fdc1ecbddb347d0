"""Injectable time: for timestamps in events, rate limits and waiting.

Only the timeout of a function does not use it, because functions run in real time.
"""

import asyncio
import time


class Clock:
    """Wall time, monotonic time and waiting; all in seconds."""

    def time(self) -> float:
        """Return the Unix time, for events and responses."""
        return time.time()

    def monotonic(self) -> float:
        """Return the monotonic time, for limits, buckets and caches."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait until ``monotonic`` has advanced by ``seconds``."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for ``event``, at most ``seconds``."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(event.wait()), loop.create_task(self.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
