"""TODO chalicelib.core.ports.delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ConnectionPoster(Protocol):
    """Posting to sockets."""

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all these sockets at the same time, to each its frames in order; who of them is gone (410).

        Returns at `deadline` (by the monotonic clock) at the latest. Does not raise: what cannot be delivered
        in time is dropped, and its reader recovers by `sync`.
        """
        ...

    def close(self, connection_id: str) -> None:
        """Close a socket. Does not raise."""
        ...
