"""Long work: what the queue hands to the core. A message that fails comes again, and in the end is put aside."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Internal
from chalicelib.observability import logs
from chalicelib.observability.invocation import invocation


def run_job(messages: Iterable[str], seconds: float) -> None:
    """Do a step of each, of about so many seconds.

    Raises Internal if that fails, so that the message is kept: after five failures among the dead letters.
    """
    with invocation("worker"):
        try:
            for message in messages:
                bootstrap.application().privacy.jobs.run(message, seconds)
        except Exception as error:  # noqa: BLE001 — raised again below, as something harmless
            logs.log_failure(error)
            # Lambda writes down the message of what a function raises: this one says nothing.
            raise Internal from None
