"""The terminal interface, `chat tui`. It needs the extra `tui`, which brings textual."""

from .app import ChatApp

__all__ = ["ChatApp"]
