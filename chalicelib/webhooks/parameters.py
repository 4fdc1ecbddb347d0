"""Secrets of webhooks in SSM parameters: one secret, or several separated by spaces during a rotation."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.publishing import Secret
from chalicelib.core.model.webhook_secret import parse_secret

MAX_AGE = 300.0
"""Seconds after which a parameter is read again."""


class SecretParameters:
    """Reads parameters, and keeps their values for a while; longer while they cannot be read."""

    def __init__(self, read: Callable[[str], str], clock: Clock) -> None:
        """`read` returns the value of a parameter. Raises Unavailable."""
        self._read = read
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[Secret, ...]]] = {}

    def secrets(self, name: str) -> tuple[Secret, ...]:
        """Return the secrets in a parameter. Raises Unavailable, and ValueError if they are not secrets."""
        # A function is frozen between invocations, and the monotonic clock may be frozen with it.
        now = self._clock.now()
        known = self._known.get(name)
        if known is not None and 0 <= now - known[0] < MAX_AGE:
            return known[1]
        try:
            found = tuple(Secret(parse_secret(text)) for text in self._read(name).split())
        except (Unavailable, ValueError):
            if known is None:
                raise
            found = known[1]
        self._known[name] = now, found
        return found
