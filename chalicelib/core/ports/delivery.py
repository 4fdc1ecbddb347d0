"""Posting frames to connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ConnectionPoster(Protocol):
    """The callback API of the gateway."""

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all connections in parallel, to each its frames in order; return those that responded with 410.

        Returns at `deadline` (by the monotonic clock) at the latest. Does not raise: frames that cannot be
        delivered in time are dropped, and their readers recover by `sync`.
        """
        ...

    def close(self, connection_id: str) -> None:
        """Close a connection. Does not raise."""
        ...
