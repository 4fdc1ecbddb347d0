"""The context of every handler: sets the current invocation, and writes its metrics at the end.

By then the acknowledgement and the pushes have been posted, so no client waits for it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.observability import context, logs, metrics
from chalicelib.settings import SettingsError, current_settings, is_lambda

_numbers = itertools.count()


@contextmanager
def invocation(function: str, **ids: str | None) -> Iterator[None]:
    """Run an invocation of a function (its name in `infra/template/names.py`), with `ids` for its log lines."""
    _set_up()
    current = context.Invocation(function, cold_start=next(_numbers) == 0, **ids)
    token = context.enter(current)
    try:
        yield
    finally:
        stage = _stage()
        if stage is not None:
            metrics.write(current, stage)
        context.leave(token)


@functools.cache
def _set_up() -> None:
    """Configure logging. This does not need the settings, which may be wrong."""
    if is_lambda():
        logs.install()


def _stage() -> str | None:
    """Return the stage of the metrics, None to write no metrics."""
    try:
        return current_settings().stage
    except SettingsError:
        # The handler has logged it, and answered with INTERNAL.
        return None
