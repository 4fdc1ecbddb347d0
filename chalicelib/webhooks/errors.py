"""The one error of this package."""

from __future__ import annotations


class AttemptFailed(Exception):
    """An attempt received no answer. The message is a reason for operators, without content or addresses."""
