"""The command line `chat`."""

from .main import main

__all__ = ["main"]
