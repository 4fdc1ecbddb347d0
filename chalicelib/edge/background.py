"""Background work: the hourly sweep, the jobs from the queue, and the events that leave the deployment.

A failure is logged and raised, so that Lambda counts it. SQS then delivers a job again, and after five failed
attempts moves it to the dead-letter queue. A batch of the stream is repeated, in halves, until Lambda gives it up
and sends a note of it to the queue of deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Internal
from chalicelib.core.kernel.limits import WALK
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


def run_changes(event: Mapping[str, Any]) -> None:
    """Wake the publisher for what a batch of the stream names. Raises Internal if it fails."""
    with invocation("publish"), _errors_as_internal():
        publishing = bootstrap.application().publishing
        changes = publishing.read_changes(event)
        if changes.unreadable:
            publishing.walk.request_walk()
        publishing.wake_ups.wake(changes.conversation_ids)
        if changes.heartbeat:
            publishing.heartbeat.received(changes.heartbeat)


def run_delivery(messages: Iterable[str], seconds: float) -> None:
    """Publish what each message names, for about `seconds` a message. Raises Internal if that fails.

    A message in JSON is Lambda's note of a batch of the stream that it gave up: a walk takes its place.
    """
    with invocation("deliver"), _errors_as_internal():
        publishing = bootstrap.application().publishing
        for message in messages:
            endpoint_id, _, conversation_id = message.partition(":")
            if message.startswith("{"):
                publishing.walk.request_now(seconds)
            elif message == WALK:
                publishing.walk.run_job(seconds)
            elif conversation_id:
                publishing.publisher.run(endpoint_id, conversation_id, seconds)
            else:
                raise ValueError(f"a message of {len(message)} characters names no delivery")


@contextmanager
def _errors_as_internal() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 — logged here, and raised as Internal
        logs.log_failure(error)
        # Lambda logs the message of an exception, and the message of this one could hold a client's data.
        raise Internal from None
