"""The hook of the product, which is asked about actions before they are committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class HookFailed(Exception):
    """Raised by a hook that has not decided. The message says why, without anything that participants wrote."""


class Hook(Protocol):
    """The hook."""

    def ask(self, request: Mapping[str, Any], timeout: float) -> Any:
        """Return the answer to a request, both JSON, within `timeout` seconds. Raises HookFailed."""
        ...
