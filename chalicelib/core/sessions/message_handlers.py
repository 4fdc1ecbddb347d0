"""The handlers of the commands of members: messages, read pointers and typing."""

from __future__ import annotations

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.messaging.batches import Batches
from chalicelib.core.messaging.message_updater import UpdateResult
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.reactions import Reactions
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.protocol import commands, frames
from chalicelib.core.protocol.acknowledgements import message_ack, update_ack
from chalicelib.core.protocol.batch import Batch
from chalicelib.core.realtime.typing import Typing, TypingCommand
from chalicelib.core.sessions.command_context import CommandContext


class MessageHandlers:
    """Carries out the commands of a member in a conversation.

    Each method adds replies and pushes to the result, or raises ChatError.
    """

    def __init__(
        self,
        *,
        access: Access,
        history: History,
        sender: Sender,
        message_updates: MessageUpdates,
        reactions: Reactions,
        batches: Batches,
        typing: Typing,
        runtime: Runtime,
    ) -> None:
        self._access = access
        self._history = history
        self._sender = sender
        self._message_updates = message_updates
        self._reactions = reactions
        self._batches = batches
        self._typing = typing
        self._runtime = runtime

    def message(self, command: commands.Message, context: CommandContext) -> None:
        """Send a message."""
        sent = self._sender.send(context.caller, command.conversation_id, command, context.head)
        context.result.replies.append(message_ack(sent.event, command, duplicate=sent.duplicate))
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
        updated = self._reactions.add(
            context.caller, command.conversation_id, command.target, command.emoji, context.head
        )
        _acknowledge(command, updated, context)

    def unreact(self, command: commands.Unreact, context: CommandContext) -> None:
        """Remove a reaction."""
        updated = self._reactions.remove(
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
    context.result.replies.append(update_ack(command, updated.sequence_id, updated.message))
    context.result.pushes += updated.pushes
