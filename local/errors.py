"""What can go wrong with the local cloud, told in one sentence to the person who started it."""

from __future__ import annotations


class LocalError(Exception):
    """The local cloud cannot do what was asked; the text says what was wrong, where, and what to do."""
