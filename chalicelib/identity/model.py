"""Who somebody is, after a token was verified: the only thing that the rest of the application reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified person or program.

    `participant_id` is the token's `sub`: 1-255 visible ASCII characters, `#`, `/` and `|` included.
    `expires_at` is the token's `exp` in epoch seconds, rounded down and without leeway: whoever compares
    it with a clock adds the leeway that the verification granted.
    """

    participant_id: str
    name: str | None
    expires_at: int
