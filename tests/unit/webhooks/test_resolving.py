"""Resolving the names of endpoints."""

from __future__ import annotations

import pytest

from chalicelib.webhooks.resolving import resolve
from tests.support.threads import without_new_threads


def test_name_that_cannot_be_encoded_is_an_error_of_the_network() -> None:
    with pytest.raises(OSError, match="cannot be encoded"):
        resolve(f"{'a' * 64}.example", 443, 10)


def test_process_that_can_start_no_thread_resolves_no_name() -> None:
    """The attempt at a webhook fails then, and is repeated; its job continues."""
    with without_new_threads(), pytest.raises(OSError, match="no thread"):
        resolve("a.example", 443, 10)
