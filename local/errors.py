"""Errors of the local cloud."""

from __future__ import annotations


class LocalError(Exception):
    """The local cloud cannot do what was requested; the text says what is wrong, where, and how to fix it."""
