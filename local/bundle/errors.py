"""What can be wrong with a bundle, told to the person who wants to run it."""

from __future__ import annotations

from local.errors import LocalError


class BundleError(LocalError):
    """The bundle cannot be run as it is; the text says what was wrong, where, and what to do."""
