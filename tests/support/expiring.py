"""Tokens that are about to expire."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from websockets.exceptions import InvalidStatus

from tests.support.client import TestClient

T = TypeVar("T")
_ATTEMPTS = 10


def use_expiring(person: TestClient, use: Callable[[str], T], *, leeway: int = 0) -> tuple[T, float]:
    """Use a token that is accepted for another one to two seconds; return the result, and when that ends.

    On a busy machine the use may come too late, and another token is used. A refusal in time is a failure.
    """
    attempts = 0
    while True:
        token = person.endpoint.token(person.id, person.name, 2 - leeway)
        ends_at = time.time() + 2
        attempts += 1
        try:
            return use(token), ends_at
        except (AssertionError, InvalidStatus):
            if time.time() < ends_at - 1.1 or attempts == _ATTEMPTS:
                raise


def wait_until(moment: float) -> None:
    """Wait for a time of the wall clock, by which tickets and tokens expire."""
    while (left := moment - time.time()) > 0:
        time.sleep(left)
