"""What every handler does around its work: say which invocation this is, and tell at the end what was measured.

By then the acknowledgement is out and everybody was posted to: nobody waits for the line.
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
    """An invocation of a function (by its name in `infra/template/names.py`), about what `ids` say."""
    _set_up()
    this = context.Invocation(function, cold_start=next(_numbers) == 0, **ids)
    token = context.enter(this)
    try:
        yield
    finally:
        stage = _stage()
        if stage is not None:
            metrics.write(this, stage)
        context.leave(token)


@functools.cache
def _set_up() -> None:
    """Before the first line: the settings, which may be wrong, are not needed for it."""
    if is_lambda():
        logs.install()


def _stage() -> str | None:
    """The stage to write metrics for, None to write none."""
    try:
        return current_settings().stage
    except SettingsError:
        # It is answered with INTERNAL and logged by then.
        return None
