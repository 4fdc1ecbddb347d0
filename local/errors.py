"""Errors of the local cloud."""

from __future__ import annotations


class LocalError(Exception):
    """The local cloud cannot perform the request; the text names the problem, its place and its solution."""
