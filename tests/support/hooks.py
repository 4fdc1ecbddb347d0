"""A hook that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.ports.hooks import HookFailed

ALLOW = {"decision": "allow"}


def change(**changes: Any) -> dict[str, Any]:
    """Return the answer that changes fields of an action."""
    return {"decision": "change", "changes": changes}


def refuse(reason: str | None = None) -> dict[str, Any]:
    """Return the answer that refuses an action."""
    return {"decision": "refuse"} if reason is None else {"decision": "refuse", "reason": reason}


class FakeHook:
    """The `Hook` port. `decide` returns the answer to an action."""

    def __init__(self, decide: Callable[[Mapping[str, Any]], Any] = lambda _: ALLOW) -> None:
        self.decide = decide
        self.calls: list[list[Mapping[str, Any]]] = []
        """The actions of each call."""
        self.response: Any = None
        """The response to every call, if not None."""
        self.fails = False

    @property
    def actions(self) -> list[Mapping[str, Any]]:
        """All actions that it was asked about."""
        return [action for call in self.calls for action in call]

    def ask(self, request: Mapping[str, Any], timeout: float) -> Any:
        """Answer as the test says. Raises HookFailed."""
        assert timeout > 0
        assert request["version"] == 1
        self.calls.append(list(request["actions"]))
        if self.fails:
            raise HookFailed("no response in time")
        if self.response is not None:
            return self.response
        return {"answers": [self.decide(action) for action in request["actions"]]}
