"""Batches: several commands of one participant, in their order within each conversation.

Consecutive messages of a conversation are one run, and so one transaction. The first error of a conversation ends
its part; other conversations go on. A batch that is cut by a crash leaves a prefix of each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.prices import price
from chalicelib.core.kernel.errors import ChatError, Internal, NotAttempted
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.positions import Positions
from chalicelib.core.messaging.batch_results import BatchResult, Outcome
from chalicelib.core.messaging.message_updater import UpdateResult
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.rate_limiter import charge_batch
from chalicelib.core.messaging.reactions import Reactions
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.rate_limits import Charge, RateLimitStore
from chalicelib.core.protocol import commands, frames
from chalicelib.core.protocol.acknowledgements import message_ack, update_ack
from chalicelib.core.protocol.batch import BatchEntry
from chalicelib.core.protocol.frames import Frame

if TYPE_CHECKING:
    from chalicelib.core.messaging.screening import MessageScreening

CONCURRENCY = 8
"""How many conversations are written to at the same time."""


class Batches:
    """Executes batches."""

    def __init__(
        self,
        *,
        sender: Sender,
        message_updates: MessageUpdates,
        reactions: Reactions,
        history: History,
        rate_limits: RateLimitStore,
        charge: Charge,
        runtime: Runtime,
        screening: MessageScreening | None = None,
    ) -> None:
        """The first three charge nothing, and do not ask the hook: both is done before the first write."""
        self._sender = sender
        self._history = history
        self._rate_limits = rate_limits
        self._charge = charge
        self._runtime = runtime
        self._clock = runtime.clock
        self._message_updates = message_updates
        self._reactions = reactions
        self._screening = screening
        self._positions = Positions(runtime.history_id)

    def execute(
        self, caller: Principal, entries: Sequence[BatchEntry], *, connection_id: str | None = None
    ) -> BatchResult:
        """Execute the commands. `connection_id` is excluded from pushes of read pointers.

        Raises:
            RateLimited: the batch does not fit into the rate limit or the budget; nothing was written.
        """
        entries = [self._in_this_history(entry) for entry in entries]
        reads = sum(isinstance(entry.command, commands.Read) for entry in entries)
        self._charge(caller, reads * price("read"))
        charged = sum(isinstance(entry.command, commands.AppendCommand) for entry in entries)
        charge_batch(caller, charged, rate_limits=self._rate_limits, runtime=self._runtime)
        deadline = self._clock.monotonic() + self._runtime.timing.batch_deadline
        if self._screening is not None:
            entries = self._screening.batch(caller, entries)
        result = BatchResult()
        history_id = self._runtime.history_id
        parts = [
            Part(caller, entries, indexes, connection_id, history_id) for indexes in _by_conversation(entries)
        ]
        for start in range(0, len(parts), CONCURRENCY):
            calls = [partial(self._execute_part, part, deadline) for part in parts[start : start + CONCURRENCY]]
            for done in self._runtime.gather(*calls):
                result.outcomes |= done.outcomes
                result.pushes += done.pushes
                result.failure = result.failure or done.failure
        return result

    def _in_this_history(self, entry: BatchEntry) -> BatchEntry:
        """Return the entry, or its error if it names sequence ids of another history."""
        if not isinstance(entry.command, ChatError):
            try:
                self._positions.require_current(entry.command.history_id)
            except ChatError as error:
                return entry._replace(command=error)
        return entry

    def _execute_part(self, part: Part, deadline: float) -> BatchResult:
        """Execute the commands of one conversation, until one fails or at the deadline."""
        result = BatchResult()
        try:
            while part.rest and self._clock.monotonic() < deadline:
                self._execute_next(part, result)
        except ChatError as error:
            part.fail(result, error, error)
        except Exception as defect:  # noqa: BLE001 — a defect must not cost the client its other results
            part.fail(result, Internal(), defect)
        for index in part.rest:
            result.add_error(index, NotAttempted(), part.entries[index].correlation)
        return result

    def _execute_next(self, part: Part, result: BatchResult) -> None:
        """Execute a run of messages, or another command. Raises ChatError."""
        messages = part.next_messages()
        if messages:
            self._send(part, messages, result)
            return
        entry = part.entries[part.rest[0]]
        command = entry.command
        if isinstance(command, ChatError):
            raise command
        if isinstance(command, commands.Read):
            moved = self._history.read(
                part.caller, command.conversation_id, command.sequence_id, connection_id=part.connection_id
            )
            result.pushes += moved.pushes
            part.finish(result, frames.read_ack(command.conversation_id, moved.response), 200)
        elif not isinstance(command, commands.Message):
            updated = self._update(part.caller, command)
            result.pushes += updated.pushes
            status = 200 if isinstance(command, commands.Edit) else 204
            part.finish(result, update_ack(entry.sent or command, updated.sequence_id, updated.message), status)

    def _update(
        self, caller: Principal, command: commands.Edit | commands.Delete | commands.React | commands.Unreact
    ) -> UpdateResult:
        target = (caller, command.conversation_id, command.target)
        match command:
            case commands.Edit():
                return self._message_updates.edit(*target, command)
            case commands.Delete():
                return self._message_updates.delete(*target)
            case commands.React():
                return self._reactions.add(*target, command.emoji)
            case commands.Unreact():
                return self._reactions.remove(*target, command.emoji)

    def _send(self, part: Part, messages: Sequence[commands.Message], result: BatchResult) -> None:
        run = self._sender.send_run(part.caller, messages[0].conversation_id, messages)
        for message, sent in zip(messages, run.sent, strict=False):
            command = part.entries[part.rest[0]].sent or message
            ack = message_ack(sent.event, command, duplicate=sent.duplicate)
            part.finish(result, ack, 200 if sent.duplicate else 201)
        try:
            result.pushes += self._sender.pushes(*run.sent, connection_id=part.connection_id)
        except Exception as error:  # noqa: BLE001 — the messages are in the log; readers recover by sync
            result.failure = error
        if run.error is not None:
            raise run.error


class Part:
    """The commands of one conversation, of which the first ones are finished."""

    def __init__(
        self,
        caller: Principal,
        entries: Sequence[BatchEntry],
        indexes: Sequence[int],
        connection_id: str | None,
        history_id: HistoryId,
    ) -> None:
        self.caller = caller
        self.entries = entries
        self.rest = list(indexes)
        """The indexes of the commands without a result."""
        self.connection_id = connection_id
        self.history_id = history_id

    def next_messages(self) -> list[commands.Message]:
        """Return the messages before the next other command."""
        messages = []
        for index in self.rest:
            command = self.entries[index].command
            if not isinstance(command, commands.Message):
                break
            messages.append(command)
        return messages

    def finish(self, result: BatchResult, frame: Frame, status: int) -> None:
        """Record the result of the next command."""
        index = self.rest.pop(0)
        correlation = self.entries[index].correlation
        frame = frames.with_history_id(frame, self.history_id)
        result.outcomes[index] = Outcome(
            frame | ({"id": correlation["id"]} if "id" in correlation else {}), status
        )

    def fail(self, result: BatchResult, error: ChatError, cause: Exception) -> None:
        """Record that the next command failed."""
        index = self.rest.pop(0)
        result.add_error(index, error, self.entries[index].correlation)
        if error.is_failure:
            result.failure = cause


def _by_conversation(entries: Sequence[BatchEntry]) -> list[list[int]]:
    """Return the indexes of the entries of each conversation. An entry that names none is by itself."""
    parts: dict[Any, list[int]] = {}
    for index, entry in enumerate(entries):
        parts.setdefault(index if entry.conversation_id is None else entry.conversation_id, []).append(index)
    return list(parts.values())
