"""Background work: the hourly sweep, and the jobs from the queue.

A failure is logged and raised, so that Lambda counts it. SQS then delivers a job again, and after five failed
attempts moves it to the dead-letter queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Internal
from chalicelib.observability import logs
from chalicelib.observability.invocation import invocation


def run_sweep(seconds: float) -> None:
    """Do the periodic work that is due, for about `seconds`. Raises Internal if it fails."""
    with invocation("sweep"), _errors_as_internal():
        chat = bootstrap.application()
        if not chat.settings.events:
            chat.privacy.jobs.sweep(seconds)
            return
        try:
            chat.privacy.jobs.sweep(seconds * 2 / 3)
        finally:
            chat.publishing.sweep.run(seconds / 3)


def run_job(messages: Iterable[str], seconds: float) -> None:
    """Run one step of the job in each message, for about `seconds` a step. Raises Internal if one fails."""
    with invocation("worker"), _errors_as_internal():
        for message in messages:
            bootstrap.application().privacy.jobs.run(message, seconds)


@contextmanager
def _errors_as_internal() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 — logged here, and raised as Internal
        logs.log_failure(error)
        # Lambda logs the message of an exception, and the message of this one could hold a client's data.
        raise Internal from None
