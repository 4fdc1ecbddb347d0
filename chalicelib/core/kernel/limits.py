"""How much of everything there may be, and how fast: one frozen value, filled from the settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass

MAX_DELAY = 900.0
"""Seconds by which SQS can put a message off (quotas)."""
MIN_RETENTION_DAYS, MAX_RETENTION_DAYS = 30, 365
"""What retention can be set to, where it is set; so nothing can be past it earlier than the least of it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that clients meet. Times are in seconds, sizes in bytes where they say so."""

    participants: int = 100
    title_characters: int = 200
    content_characters: int = 10_000
    content_bytes: int = 24_000
    mentions: int = 20
    metadata_bytes: int = 4_096
    edits_per_message: int = 50
    """How often one message can be edited."""
    emoji_per_message: int = 20
    """How many different ones stand at one message."""
    client_message_id_characters: int = 128
    command_id_characters: int = 128
    command_bytes: int = 32_768
    body_bytes: int = 256 * 1024
    messages_per_second: int = 10
    message_burst: int = 100
    typing_participants: int = 50
    """Up to how many participants a conversation tells who is writing; 0 is never."""
    presence_participants: int = 50
    """Up to how many it tells who is online."""

    def __post_init__(self) -> None:
        """Raises ValueError if a limit is too small, or more than what it must fit into."""
        for name, value in asdict(self).items():
            least = 0 if name in ("typing_participants", "presence_participants") else 1
            if value < least:
                raise ValueError(f"the limit {name} must be at least {least}, not {value}")
        # A stored item takes 400 KB, a frame to a socket 128 KB in which every byte may become two by escaping.
        fitting = {"content_bytes": 24_000, "metadata_bytes": 8_192, "mentions": 100, "emoji_per_message": 100}
        for name, most in fitting.items():
            if getattr(self, name) > most:
                raise ValueError(f"the limit {name} can be at most {most}: an event must fit into one frame")
        if self.edits_per_message > 90:
            raise ValueError(
                "the limit edits_per_message can be at most 90: a deletion empties them all in one transaction"
            )

    def public(self) -> dict[str, int]:
        """The limits as `welcome` tells them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Timing:
    """Times that the use cases keep, in seconds."""

    ping_interval: int = 240
    ticket_lifetime: int = 30
    expired_token_grace: int = 60
    append_deadline: float = 5.0
    """How long a writer tries before it answers CONVERSATION_BUSY."""
    http_fan_out: float = 1.0
    """How long an HTTP answer waits for the fan-out."""
    socket_fan_out: float = 5.0
    """How long a socket command's invocation goes on posting after its answer is out."""
    typing_interval: float = 3.0
    presence_debounce: float = 5.0
    """How long somebody must be away before the others are told; 0 is at once, and without the queue."""
    closed_retention: int = 30 * 24 * 3600
    """How long a conversation that was left by all is kept."""
    erasure_grace: float = 60.0
    """How long an erasure waits after somebody left: longer than any invocation may take that began before."""
    retention_day: float = 24 * 3600.0
    """How long a day of retention is: tests are in a hurry."""

    def __post_init__(self) -> None:
        """Raises ValueError if a time is more than what keeps it can."""
        if not 0 <= self.presence_debounce <= MAX_DELAY:
            raise ValueError(f"the time presence_settles must be 0 to {MAX_DELAY:.0f} seconds")


def first_check_at(now: int, timing: Timing) -> int:
    """When (epoch seconds) a conversation made now (ms) is first looked at for contents past retention."""
    return int(now / 1000 + MIN_RETENTION_DAYS * timing.retention_day)
