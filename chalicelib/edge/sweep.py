"""What runs by the clock: clearing away what is over, finding what was lost, looking for what is too old."""

from __future__ import annotations

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Internal
from chalicelib.observability import logs
from chalicelib.observability.invocation import invocation


def run_sweep(seconds: float) -> None:
    """Take up what is due, for about so many seconds.

    Raises Internal if that fails, so that the function counts as failed.
    """
    with invocation("sweep"):
        try:
            bootstrap.application().privacy.jobs.sweep(seconds)
        except Exception as error:  # noqa: BLE001 — raised again below, as something harmless
            logs.log_failure(error)
            # Lambda writes down the message of what a function raises: this one says nothing.
            raise Internal from None
