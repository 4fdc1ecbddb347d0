"""A crash at each store call of an operation, before and after its effect. A read has none, so it crashes once."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from local.faults.calls import READS
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_AFTER, CRASH_BEFORE, nth
from local.faults.recording import Journal, RecordingClient

World = TypeVar("World")


@dataclass(frozen=True)
class CrashPoint(Generic[World]):
    """The store after a crash.

    ``with point as world:`` adds the position of the crash to a failure inside.
    """

    world: World
    number: int
    operation: str
    after: bool

    def __str__(self) -> str:
        when = "after" if self.after else "before"
        return f"a crash {when} store call {self.number} ({self.operation})"

    def __enter__(self) -> World:
        return self.world

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"this was {self}")


def crash_points(
    engine: DynamoClient,
    setup: Callable[[], World],
    operation: Callable[[World, DynamoClient], object],
    numbers: Collection[int] | None = None,
) -> Iterator[CrashPoint[World]]:
    """Crash ``operation`` at each of its store calls in turn, each time in a new world made by ``setup``.

    ``numbers`` are those of the calls, from 1 on; by default all.

    A write crashes before its effect, and after it; a read crashes once, as nothing can differ.

    The operation runs once without a crash to count its calls, which it must make sequentially (SerialExecutor)
    and through the given client. Its result and errors after the crash are ignored. Raises ValueError if it makes
    no store call, AssertionError if it makes fewer calls than the first time.
    """
    for number, name in enumerate(_store_calls(engine, setup(), operation), start=1):
        if numbers is not None and number not in numbers:
            continue
        for fault in (CRASH_BEFORE,) if name in READS else (CRASH_BEFORE, CRASH_AFTER):
            world = setup()
            point = CrashPoint(world, number, name, fault.after)
            client = FaultyClient(engine, nth(number, fault))
            try:
                operation(world, client)
            except (Crash, Exception) as error:
                if not client.crashed:
                    error.add_note(f"this was on the way to {point}")
                    raise
            if not client.crashed:
                raise AssertionError(f"the operation ended before {point}: it makes fewer calls than at first")
            yield point


def _store_calls(
    engine: DynamoClient, world: World, operation: Callable[[World, DynamoClient], object]
) -> list[str]:
    journal = Journal()
    operation(world, RecordingClient(engine, journal))
    calls = sorted(journal.entries(), key=lambda entry: entry.started_order)
    if not calls:
        raise ValueError("the operation makes no store call through the client that it is given")
    return [entry.operation for entry in calls]
