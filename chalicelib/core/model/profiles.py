"""Profiles: the name and the avatar of a participant in all their conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Profile(NamedTuple):
    """The profile of a participant. Name and avatar are copied to their memberships."""

    participant_id: str
    name: str
    avatar_url: str | None
    metadata: Mapping[str, Any]
    """Data of the application, which is not copied."""
    version: int
    """Incremented by each change: of two copies the one with the higher version is newer."""
    updated_at: int
    """Milliseconds since the epoch."""

    def is_same_as(self, other: Profile | None) -> bool:
        """Return whether another version has the same content."""
        return other is not None and self[1:4] == other[1:4]


class ProfileCopy(NamedTuple):
    """The progress of copying a profile to the memberships of its participant. It ends with the last of them."""

    job_id: str
    """A digest of the participant id."""
    participant_id: str
    version: int
    """The version that is copied, or a later one."""
    position: str = ""
    """The id of the conversation up to which it has been copied."""
    notified: int = 0
    """How many connections of others were notified."""
