"""The handlers of the commands about a connection and its subscriptions."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.reading import SLACK
from chalicelib.core.protocol import commands, frames
from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import Push
from chalicelib.core.sessions.command_context import CommandContext
from chalicelib.core.sessions.connections import Connections
from chalicelib.core.sessions.subscriptions import Subscriptions

_SUBSCRIBE_CONCURRENCY = 8


class ConnectionHandlers:
    """Carries out the commands about a connection and its subscriptions.

    Each method adds replies and pushes to the result, or raises ChatError.
    """

    def __init__(
        self, *, connections: Connections, subscriptions: Subscriptions, views: Views, runtime: Runtime
    ) -> None:
        self._connections = connections
        self._subscriptions = subscriptions
        self._views = views
        self._runtime = runtime

    def hello(self, command: commands.Hello, context: CommandContext) -> None:
        """Welcome a client and subscribe it to conversations, of which some may fail."""
        runtime, result = self._runtime, context.result
        if command.feed:
            self._connections.start_feed(context.connection, result)
        welcome = frames.welcome(
            context.connection,
            context.caller.as_actor(),
            timing=runtime.timing,
            limits=runtime.limits.public(),
        )
        result.replies.append({**welcome, "feed": True} if command.feed else welcome)
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
                    slack=SLACK // len(command.subscribe),
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
