"""The table of handlers."""

from __future__ import annotations

from chalicelib.core.protocol.parsing import COMMANDS
from chalicelib.core.sessions.connection_handlers import ConnectionHandlers
from chalicelib.core.sessions.dispatcher import handlers_by_command
from chalicelib.core.sessions.message_handlers import MessageHandlers

HANDLERS = handlers_by_command(
    ConnectionHandlers.__new__(ConnectionHandlers), MessageHandlers.__new__(MessageHandlers)
)


def test_every_command_has_a_handler_and_nothing_else_has() -> None:
    assert HANDLERS.keys() == set(COMMANDS.values())


def test_no_two_commands_share_a_handler() -> None:
    assert len(set(HANDLERS.values())) == len(HANDLERS)
