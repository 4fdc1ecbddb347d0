"""Asking the hook about messages and edits: one by one, or all those of a batch with one call.

The hook sees only actions that could be committed: the caller may write in the conversation, and a repeat of a
message that is in the log is answered without it. Two concurrent repeats can both be asked about; one of them is
appended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import membership_of
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.hooks.questions import edit_question, message_question
from chalicelib.core.hooks.screening import Question, Screening
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ChatError, Muted, NotFound, RefusedByHook, ValidationFailed
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.messaging.references import References
from chalicelib.core.messaging.run import idempotency_key
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.messages import IdempotencyKey
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol import commands
from chalicelib.core.protocol.batch import BatchEntry

if TYPE_CHECKING:
    from chalicelib.core.messaging.references import NewMessage
    from chalicelib.core.protocol.requests import EditMessage


class MessageScreening:
    """Asks the hook about messages and edits of participants."""

    def __init__(
        self, *, screening: Screening, event_log: EventLogStore, memberships: MembershipStore, runtime: Runtime
    ) -> None:
        self._screening = screening
        self._event_log = event_log
        self._memberships = memberships
        self._runtime = runtime
        self._gather = runtime.gather
        self._references = References(event_log=event_log, memberships=memberships, gather=runtime.gather)

    def first(
        self, caller: Principal, member: Membership, messages: Sequence[NewMessage]
    ) -> tuple[list[NewMessage], ChatError | None]:
        """Return the first message as it is to be appended; none, with its error, if it is not.

        A repeat of a message that is in the log has no error.
        """
        message = messages[0]
        if self._is_repeat(_key(caller, member.conversation_id, message)):
            return [], None
        question = self._about_message(caller.as_actor(member), member.conversation_id, message)
        (answer,) = self._screening.ask([question])
        return ([], answer) if isinstance(answer, ChatError) else ([answer], None)

    def edit(
        self, sender: Actor, conversation_id: str, target: int, edit: commands.Edit | EditMessage
    ) -> commands.Edit | EditMessage:
        """Return the edit to append. Raises RefusedByHook, Unavailable."""
        screened: commands.Edit | EditMessage = self._screening.screened(
            self._about_edit(sender, conversation_id, target, edit)
        )
        return screened

    def batch(self, caller: Principal, entries: Sequence[BatchEntry]) -> list[BatchEntry]:
        """Return the entries of a batch as they are to be executed; a refused one has its error as the command.

        So has one that the hook was not asked about because the caller may not write: while it answers, a mute can
        end, and a membership begin.
        """
        questions, refused = self._questions(caller, entries)
        answers = self._screening.ask(list(questions.values()))
        screened = list(entries)
        for index, error in refused.items():
            screened[index] = entries[index]._replace(command=error)
        for index, answer in zip(questions, answers, strict=True):
            if not (isinstance(answer, RefusedByHook) and self._is_repeat(_key_of(caller, entries[index]))):
                screened[index] = entries[index]._replace(command=answer, sent=entries[index].command)
        return screened

    def _questions(
        self, caller: Principal, entries: Sequence[BatchEntry]
    ) -> tuple[dict[int, Question], dict[int, ChatError]]:
        """Return the questions about messages and edits of a batch, or why they are refused, by index."""
        contents = {
            index: entry.command
            for index, entry in enumerate(entries)
            if isinstance(entry.command, commands.Message | commands.Edit)
        }
        writers = self._writers(caller, {command.conversation_id for command in contents.values()})
        keys = {
            index: _key_of(caller, entries[index])
            for index, command in contents.items()
            if command.conversation_id in writers
        }
        found = self._gather(*(partial(self._is_repeat, key) for key in keys.values())) if keys else []
        repeats = dict(zip(keys, found, strict=True))
        questions: dict[int, Question] = {}
        refused: dict[int, ChatError] = {}
        asked: set[IdempotencyKey] = set()
        for index, command in contents.items():
            key, conversation_id = keys.get(index), command.conversation_id
            writer = writers.get(conversation_id, NotFound())
            if repeats.get(index) or key in asked:
                continue
            if isinstance(writer, ChatError):
                refused[index] = writer
            elif isinstance(command, commands.Edit):
                questions[index] = self._about_edit(writer, conversation_id, command.target, command)
            else:
                questions[index] = self._about_message(writer, conversation_id, command)
                asked |= set() if key is None else {key}
        return questions, refused

    def _writers(self, caller: Principal, conversation_ids: set[str]) -> Mapping[str, Actor | Muted]:
        """Return the caller as an actor, or as muted, in those of the conversations that they are in."""
        valid = sorted(name for name in conversation_ids if is_conversation_id(name))
        reads = [partial(membership_of, self._memberships, name, caller) for name in valid]
        members: Sequence[Membership | None] = self._gather(*reads) if reads else []
        return {member.conversation_id: self._writer(caller, member) for member in members if member is not None}

    def _writer(self, caller: Principal, member: Membership) -> Actor | Muted:
        try:
            permissions.require(Action.SEND_MESSAGE, member, now=milliseconds(self._runtime.clock))
        except Muted as muted:
            return muted
        return caller.as_actor(member)

    def _is_repeat(self, key: IdempotencyKey | None) -> bool:
        return key is not None and self._event_log.idempotency_record(key) is not None

    # ---- questions -------------------------------------------------------------------------------------

    def _about_message(self, sender: Actor, conversation_id: str, message: NewMessage) -> Question:
        def check(changed: NewMessage) -> None:
            if (error := self._references.error(conversation_id, changed)) is not None:
                raise error

        return message_question(sender, conversation_id, message, self._runtime.limits, check)

    def _about_edit(
        self, sender: Actor, conversation_id: str, target: int, edit: commands.Edit | EditMessage
    ) -> Question:
        def check(changed: commands.Edit | EditMessage) -> None:
            added = [name for name in changed.mentions or [] if name not in (edit.mentions or [])]
            if added and len(self._memberships.memberships_in(conversation_id, added)) < len(added):
                raise ValidationFailed

        return edit_question(sender, conversation_id, target, edit, self._runtime.limits, check)


def _key_of(caller: Principal, entry: BatchEntry) -> IdempotencyKey | None:
    command = entry.command
    return _key(caller, command.conversation_id, command) if isinstance(command, commands.Message) else None


def _key(caller: Principal, conversation_id: str, message: NewMessage) -> IdempotencyKey | None:
    """Return the idempotency key of a message, if it has one."""
    client_id = message.client_message_id
    return None if client_id is None else idempotency_key(caller, conversation_id, client_id)
