"""The size of a soak run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run; times in seconds."""

    seconds: float = 1_800.0
    conversations: int = 60
    members: int = 5
    messages_per_second: float = 50.0
    update_interval: float = 0.2
    rotation_interval: float = 1.0
    join_interval: float = 10.0
    stall_interval: float = 15.0
    stall_commands: int = 400
    storm_interval: float = 300.0
    sample_interval: float = 10.0
    settle_seconds: float = 30.0
    """How long the server may take to end idle threads after the last command."""
