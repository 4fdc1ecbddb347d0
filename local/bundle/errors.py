"""Errors of bundles."""

from __future__ import annotations

from local.errors import LocalError


class BundleError(LocalError):
    """The bundle cannot be run; the text names the problem, its place and its solution."""
