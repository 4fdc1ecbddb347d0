"""Which browser tests run: a sample in `make test`, all of them with `CHAT_BROWSER_WHOLE=1` (`make test-all`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

Case = TypeVar("Case")


def is_whole() -> bool:
    """Return whether every test runs."""
    return bool(os.environ.get("CHAT_BROWSER_WHOLE"))


whole_only = pytest.mark.skipif(not is_whole(), reason="part of make test-all")
"""Skips a test in a sample: its subject changes seldom, or another test shows most of it."""


def selected(cases: Sequence[Case], step: int) -> list[Case]:
    """Return all cases, or in a sample every `step`-th one."""
    return list(cases if is_whole() else cases[::step])
