"""The store of a fenced stage: nothing is read or written while a restore replaces the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.errors import Unavailable


class FencedStore:
    """A client of DynamoDB whose every call raises Unavailable, as if no request reached the service."""

    def warm_up(self) -> None:
        """Do nothing."""

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return the operation of the client."""
        return _refuse


def _refuse(**_: Any) -> Any:
    raise Unavailable(retry_after=retry_after())
