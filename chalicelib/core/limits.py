"""How much of everything there may be, and how fast: one frozen value, filled from the settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that clients meet. Times are in seconds, sizes in bytes where they say so."""

    participants: int = 100
    title_characters: int = 200
    content_characters: int = 10_000
    content_bytes: int = 24_000
    mentions: int = 20
    metadata_bytes: int = 4_096
    client_message_id_characters: int = 128
    command_id_characters: int = 128
    command_bytes: int = 32_768
    body_bytes: int = 256 * 1024
    messages_per_second: int = 10
    burst: int = 100

    def __post_init__(self) -> None:
        """Raises ValueError if a limit is not positive or more than what it must fit into."""
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"the limit {name} must be at least 1, not {value}")
        # A stored item takes 400 KB, a frame to a socket 128 KB in which every byte may become two by escaping.
        for name, most in (("content_bytes", 24_000), ("metadata_bytes", 8_192), ("mentions", 100)):
            if getattr(self, name) > most:
                raise ValueError(f"the limit {name} can be at most {most}: an event must fit into one frame")

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
    typing_every: float = 3.0
    closed_retention: int = 30 * 24 * 3600
    """How long a conversation that was left by all is kept."""
