"""Frames of a connection: parsed, authenticated, and handed to the handler of their command."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from chalicelib.core.conversations.prices import charged
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ChatError, Internal, RateLimited, TokenExpired
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.positions import Positions
from chalicelib.core.messaging.budget import Budget
from chalicelib.core.model.connections import Connection
from chalicelib.core.model.conversations import Head
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.protocol import commands, frames
from chalicelib.core.protocol.batch import Batch
from chalicelib.core.protocol.parsing import parse_command
from chalicelib.core.sessions.command_context import CommandContext, FrameResult
from chalicelib.core.sessions.connection_handlers import ConnectionHandlers
from chalicelib.core.sessions.connections import Connections
from chalicelib.core.sessions.message_handlers import MessageHandlers

Handler: TypeAlias = Callable[[Any, CommandContext], None]
"""Carries out a command: adds replies and pushes to the result in the context, or raises ChatError."""


def handlers_by_command(
    connections: ConnectionHandlers, messages: MessageHandlers
) -> Mapping[type[commands.Command], Handler]:
    """Return the handler of each command, by its model."""
    return {
        commands.Hello: connections.hello,
        commands.Subscribe: connections.subscribe,
        commands.Unsubscribe: connections.unsubscribe,
        commands.Sync: connections.sync,
        commands.Message: messages.message,
        commands.Edit: messages.edit,
        commands.Delete: messages.delete,
        commands.React: messages.react,
        commands.Unreact: messages.unreact,
        commands.Read: messages.read,
        commands.Typing: messages.typing,
        commands.Auth: connections.auth,
        commands.Ping: connections.ping,
        Batch: messages.batch,
    }


_FLOOD = "Too many frames: slow down."


class Dispatcher:
    """Handles frames."""

    def __init__(
        self,
        *,
        connection_store: ConnectionStore,
        event_log: EventLogStore,
        connections: Connections,
        frame_limit: Budget,
        budget: Budget,
        handlers: Mapping[type[commands.Command], Handler],
        positions: Positions,
        runtime: Runtime,
    ) -> None:
        self._connection_store = connection_store
        self._event_log = event_log
        self._connections = connections
        self._frames, self._requests = frame_limit, budget
        self._handlers = handlers
        self._positions = positions
        self._runtime = runtime
        self._timing = runtime.timing
        self._observer = runtime.observer

    def receive(self, connection_id: str, frame: str, received_at: int | None = None) -> FrameResult:
        """Handle one frame, which API Gateway received at `received_at` (ms), by default now.

        Does not raise: each error is a reply, and those of the server are logged as well.
        """
        if received_at is None:
            received_at = milliseconds(self._runtime.clock)
        command, correlation = parse_command(frame, self._runtime.limits)
        result = FrameResult()
        try:
            self._receive(connection_id, command, received_at, result)
        except ChatError as error:
            _add_error(result, error, error, correlation)
        except Exception as defect:  # noqa: BLE001 — a defect of the server must not cost the client its reply
            _add_error(result, Internal(), defect, correlation)
        self._connections.announce_revived(result)
        if "id" in correlation:
            for reply in result.replies:
                reply["id"] = correlation["id"]
        return result

    def _receive(
        self, connection_id: str, command: commands.Command | ChatError, received_at: int, result: FrameResult
    ) -> None:
        connection, head = self._load(connection_id, command)
        if connection is None:
            result.close_with = frames.disconnect(
                "UNAUTHORIZED", "This socket is not known any more.", reconnect=True
            )
            return
        self._observer.bind(participant_id=connection.participant_id)
        if self._runtime.has_expired(connection.token_expires_at, self._timing.expired_token_grace):
            result.close_with = frames.disconnect("TOKEN_EXPIRED", TokenExpired.default_message, reconnect=True)
            return
        try:
            self._frames.charge(connection.participant_id, 1)
        except RateLimited:
            wait = self._connections.refuse(connection.participant_id)
            result.close_with = frames.disconnect("RATE_LIMITED", _FLOOD, reconnect=True, retry_after=wait)
            return
        alive = self._connections.mark_alive(connection, result)

        def handle() -> None:
            if isinstance(command, ChatError):
                raise command
            if self._runtime.has_expired(connection.token_expires_at) and not isinstance(command, commands.Auth):
                raise TokenExpired
            self._requests.charge(connection.participant_id, _price(command))
            self._handle(command, CommandContext(alive, head, received_at, result))

        # Recorded four times in a ping interval at most.
        if alive.last_seen - connection.last_seen > 250 * self._timing.ping_interval:
            self._runtime.gather(handle, lambda: self._connection_store.touch(alive, alive.last_seen))
        else:
            handle()

    def _load(
        self, connection_id: str, command: commands.Command | ChatError
    ) -> tuple[Connection | None, Head | None]:
        """Return the connection, and at the same time the head for a command that appends.

        The head is read before the caller is known to be a member, but nothing of it is returned by itself.
        """
        reads: list[Callable[[], Any]] = [lambda: self._connection_store.get(connection_id)]
        if isinstance(command, commands.AppendCommand) and is_conversation_id(command.conversation_id):
            reads.append(functools.partial(self._event_log.head, command.conversation_id))
        connection, *heads = self._runtime.gather(*reads)
        return connection, heads[0] if heads else None

    def _handle(self, command: commands.Command, context: CommandContext) -> None:
        conversation_id: str | None = getattr(command, "conversation_id", None)
        if conversation_id is not None and is_conversation_id(conversation_id):
            self._observer.bind(conversation_id=conversation_id)
        if isinstance(command, commands.PositionedCommand):
            self._positions.require_current(command.history_id)
        else:
            self._positions.require_not_newer(getattr(command, "history_id", None))
        self._handlers[type(command)](command, context)


def _price(command: Any) -> int:
    """Return what a command costs of the budget: `hello` and `ping` can name conversations."""
    named = getattr(command, "subscribe", None) or getattr(command, "heads", None) or ()
    return charged(command.type, len(named))


def _add_error(result: FrameResult, error: ChatError, cause: Exception, correlation: dict[str, str]) -> None:
    """Reply with an error, unless there is a reply: then the command was carried out before the error."""
    if not result.replies:
        result.replies.append(frames.error(error, correlation))
        result.failure = cause if error.is_failure else None
    else:
        result.failure = cause
