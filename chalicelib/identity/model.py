"""The result of verification, the only part of a token that the application uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified identity.

    `participant_id` is the token's `sub`: 1 to 255 visible ASCII characters, including `#`, `/` and `|`.
    `expires_at` is the token's `exp` in epoch seconds, rounded down and without leeway: a later check must grant
    the same leeway as the verification.
    """

    participant_id: str
    name: str | None
    expires_at: int
