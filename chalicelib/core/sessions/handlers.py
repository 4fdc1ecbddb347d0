"""The handlers of the commands of the WebSocket API: `HANDLERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ChatError, NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.messaging.batches import Batches
from chalicelib.core.messaging.message_updater import UpdateResult
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.connections import Connection, command_order
from chalicelib.core.model.conversations import Head
from chalicelib.core.protocol import commands, frames
from chalicelib.core.protocol.batch import Batch
from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import Push
from chalicelib.core.realtime.typing import Typing, TypingCommand
from chalicelib.core.sessions.connections import Connections
from chalicelib.core.sessions.frame_result import FrameResult
from chalicelib.core.sessions.subscriptions import Subscriptions

_SUBSCRIBE_CONCURRENCY = 8


class CommandContext(NamedTuple):
    """The connection, the head and the result that a handler works with."""

    connection: Connection
    head: Head | None
    """That of the conversation, for commands that append, if it was read."""
    received_at: int
    """When API Gateway received the command (ms)."""
    result: FrameResult

    @property
    def caller(self) -> Principal:
        """Return whose connection it is."""
        return Principal(self.connection.participant_id, self.connection.name)

    def order(self, command: commands.StateCommand) -> int:
        """Return the order of the command."""
        return command_order(command.n, self.received_at)


class Handlers:
    """Carries out commands. Each method adds replies and pushes to the result, or raises ChatError."""

    def __init__(
        self,
        *,
        connections: Connections,
        subscriptions: Subscriptions,
        access: Access,
        views: Views,
        history: History,
        sender: Sender,
        message_updates: MessageUpdates,
        batches: Batches,
        typing: Typing,
        runtime: Runtime,
    ) -> None:
        self._connections = connections
        self._subscriptions = subscriptions
        self._access = access
        self._views = views
        self._history = history
        self._sender = sender
        self._message_updates = message_updates
        self._batches = batches
        self._typing = typing
        self._runtime = runtime

    # ---- connection ------------------------------------------------------------------------------------

    def hello(self, command: commands.Hello, context: CommandContext) -> None:
        """Welcome a client and subscribe it to conversations, of which some may fail."""
        runtime, result = self._runtime, context.result
        result.replies.append(
            frames.welcome(
                context.connection,
                context.caller.as_actor(),
                timing=runtime.timing,
                limits=runtime.limits.public(),
            )
        )
        for start in range(0, len(command.subscribe), _SUBSCRIBE_CONCURRENCY):
            batch = command.subscribe[start : start + _SUBSCRIBE_CONCURRENCY]
            for reply, pushes in runtime.gather(
                *(self._subscribe_later(item, command, context) for item in batch)
            ):
                result.replies.append(reply)
                result.pushes += pushes

    def _subscribe_later(
        self, item: commands.SubscribeTo, command: commands.Hello, context: CommandContext
    ) -> Callable[[], tuple[Frame, list[Push]]]:
        """Return a call that subscribes; its reply is an error frame if that fails."""

        def subscribe() -> tuple[Frame, list[Push]]:
            try:
                return self._subscriptions.subscribe(
                    context.connection,
                    context.caller,
                    item.conversation_id,
                    item.after,
                    context.order(command),
                    context.result,
                    command.history_id,
                )
            except ChatError as error:
                about = commands.correlation_fields({"conversation_id": item.conversation_id})
                return frames.error(error, about), []

        return subscribe

    def ping(self, command: commands.Ping, context: CommandContext) -> None:
        """Answer with the time, and the heads of conversations if asked for."""
        pong: Frame = {"type": "pong", "server_time": rfc3339(milliseconds(self._runtime.clock))}
        if command.heads is not None:
            pong["heads"] = self._views.heads(context.caller, list(command.heads))
        context.result.replies.append(pong)

    def auth(self, command: commands.Auth, context: CommandContext) -> None:
        """Replace the token of the connection."""
        identity = self._connections.refresh_token(context.connection, command.token)
        context.result.replies.append({"type": "auth_ok", "expires_at": rfc3339(identity.expires_at * 1000)})

    # ---- subscriptions ---------------------------------------------------------------------------------

    def subscribe(self, command: commands.Subscribe, context: CommandContext) -> None:
        """Subscribe to a conversation."""
        reply, pushes = self._subscriptions.subscribe(
            context.connection,
            context.caller,
            command.conversation_id,
            command.after,
            context.order(command),
            context.result,
            command.history_id,
        )
        context.result.replies.append(reply)
        context.result.pushes += pushes

    def unsubscribe(self, command: commands.Unsubscribe, context: CommandContext) -> None:
        """Unsubscribe from a conversation."""
        self._subscriptions.unsubscribe(
            context.connection, command.conversation_id, context.order(command), context.result
        )

    def sync(self, command: commands.Sync, context: CommandContext) -> None:
        """Answer with missed events."""
        reply = self._subscriptions.sync(
            context.caller, command.conversation_id, command.after, command.history_id
        )
        context.result.replies.append(reply)

    # ---- messages --------------------------------------------------------------------------------------

    def message(self, command: commands.Message, context: CommandContext) -> None:
        """Send a message."""
        sent = self._sender.send(context.caller, command.conversation_id, command, context.head)
        ack = frames.message_ack(sent.event, command.client_message_id, duplicate=sent.duplicate)
        context.result.replies.append(ack)
        context.result.pushes += self._sender.pushes(sent, connection_id=context.connection.connection_id)

    def edit(self, command: commands.Edit, context: CommandContext) -> None:
        """Edit a message."""
        updated = self._message_updates.edit(
            context.caller, command.conversation_id, command.target, command, context.head
        )
        _acknowledge(command, updated, context)

    def delete(self, command: commands.Delete, context: CommandContext) -> None:
        """Delete a message."""
        updated = self._message_updates.delete(
            context.caller, command.conversation_id, command.target, context.head
        )
        _acknowledge(command, updated, context)

    def react(self, command: commands.React, context: CommandContext) -> None:
        """Add a reaction."""
        updated = self._message_updates.react(
            context.caller, command.conversation_id, command.target, command.emoji, context.head
        )
        _acknowledge(command, updated, context)

    def unreact(self, command: commands.Unreact, context: CommandContext) -> None:
        """Remove a reaction."""
        updated = self._message_updates.unreact(
            context.caller, command.conversation_id, command.target, command.emoji, context.head
        )
        _acknowledge(command, updated, context)

    def batch(self, command: Batch, context: CommandContext) -> None:
        """Execute the commands of a batch."""
        connection_id = context.connection.connection_id
        executed = self._batches.execute(context.caller, command.entries, connection_id=connection_id)
        context.result.replies.append(frames.batch_result(executed.frames))
        context.result.pushes += executed.pushes
        context.result.failure = executed.failure

    # ---- members ---------------------------------------------------------------------------------------

    def read(self, command: commands.Read, context: CommandContext) -> None:
        """Move the read pointer."""
        connection_id = context.connection.connection_id
        moved = self._history.read(
            context.caller, command.conversation_id, command.sequence_id, connection_id=connection_id
        )
        context.result.replies.append(frames.read_ack(command.conversation_id, moved.response))
        context.result.pushes += moved.pushes

    def typing(self, command: commands.Typing, context: CommandContext) -> None:
        """Push that a member starts or stops typing; there is no reply.

        A stop is never refused: a muted member may stop, and that of a former member has no effect.
        """
        try:
            head, member = self._access.require_member_and_head(command.conversation_id, context.caller)
        except NotFound:
            if command.is_typing:
                raise
            return
        if command.is_typing:
            permissions.require(Action.SHOW_TYPING, member, now=milliseconds(self._runtime.clock))
        typing = TypingCommand(
            command.is_typing, context.connection.connection_id, context.order(command), context.received_at
        )
        context.result.pushes += self._typing.pushes(head, context.caller.as_actor(member), typing)


def _acknowledge(
    command: commands.Edit | commands.Delete | commands.React | commands.Unreact,
    updated: UpdateResult,
    context: CommandContext,
) -> None:
    context.result.replies.append(frames.update_ack(command.conversation_id, updated.sequence_id))
    context.result.pushes += updated.pushes


Handler: TypeAlias = Callable[[Handlers, Any, CommandContext], None]

HANDLERS: Mapping[type[commands.Command], Handler] = {
    commands.Hello: Handlers.hello,
    commands.Subscribe: Handlers.subscribe,
    commands.Unsubscribe: Handlers.unsubscribe,
    commands.Sync: Handlers.sync,
    commands.Message: Handlers.message,
    commands.Edit: Handlers.edit,
    commands.Delete: Handlers.delete,
    commands.React: Handlers.react,
    commands.Unreact: Handlers.unreact,
    commands.Read: Handlers.read,
    commands.Typing: Handlers.typing,
    commands.Auth: Handlers.auth,
    commands.Ping: Handlers.ping,
    Batch: Handlers.batch,
}
