"""The table of handlers."""

from __future__ import annotations

from chalicelib.core.protocol.parsing import COMMANDS
from chalicelib.core.sessions.handlers import HANDLERS


def test_every_command_has_a_handler_and_nothing_else_has() -> None:
    assert HANDLERS.keys() == set(COMMANDS.values())


def test_no_two_commands_share_a_handler() -> None:
    assert len(set(HANDLERS.values())) == len(HANDLERS)
