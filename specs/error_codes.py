"""The codes of all errors."""

from __future__ import annotations

from chalicelib.core.kernel import endpoint_errors, errors
from chalicelib.core.kernel.errors import ChatError
from specs.errors import SpecsError

DECLARED = (errors, endpoint_errors)
"""The modules with errors: importing them declares the codes."""


def codes() -> dict[str, type[ChatError]]:
    """Return every code with the class of its error, by status. Raises SpecsError if two classes share a code."""
    found: dict[str, type[ChatError]] = {}
    pending: list[type[ChatError]] = list(ChatError.__subclasses__())
    while pending:
        error = pending.pop(0)
        pending += error.__subclasses__()
        if error.code in found:
            raise SpecsError(f"two errors have the code {error.code}")
        found[error.code] = error
    return dict(sorted(found.items(), key=lambda item: (item[1].status, item[0])))
