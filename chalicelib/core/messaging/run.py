"""A run: consecutive messages of one participant in one conversation, and their results so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.messaging.transaction_size import first_run
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.messages import DraftMessage, IdempotencyKey
from chalicelib.core.ports.commits import Commit


class SendResult(NamedTuple):
    """A message in the log."""

    event: Event
    duplicate: bool
    """Whether it was there before."""
    commit: Commit | None = None
    """The commit of this process that has the event, perhaps with events of other senders. None for a duplicate,
    and for a message that another process appended, which pushes it."""
    has_read: bool = False
    """Whether the message moved its sender's read pointer over messages before it, because of its `seen`."""


def new_result(event: Event, draft: DraftMessage, sender: Membership, commit: Commit | None) -> SendResult:
    """Return the result of a message that was appended; `sender` as read before."""
    before = event["sequence_id"] - 1
    return SendResult(event, duplicate=False, commit=commit, has_read=draft.seen == before > sender.read_up_to)


class RunResult(NamedTuple):
    """The result of sending a run: the messages before the first error, and the error."""

    sent: Sequence[SendResult]
    error: ChatError | None


class Run:
    """The messages of a run; those with the same idempotency key are one message."""

    def __init__(self, messages: Sequence[DraftMessage]) -> None:
        self._messages = messages
        self._results: dict[IdempotencyKey, SendResult] = {}

    def next_messages(self) -> list[DraftMessage]:
        """Return the first messages without a result, as many as one transaction can have."""
        open_messages = {message.key: message for message in reversed(self._messages)}
        pending = [message for message in self._messages if open_messages[message.key] is message]
        return first_run([message for message in pending if message.key not in self._results])

    def settle(self, message: DraftMessage, result: SendResult) -> None:
        """Record that a message is in the log."""
        self._results[message.key] = result

    @property
    def sent(self) -> list[SendResult]:
        """The results of the messages before the first one without a result."""
        results: list[SendResult] = []
        seen: set[IdempotencyKey] = set()
        for message in self._messages:
            if message.key not in self._results:
                break
            result = self._results[message.key]
            results.append(result._replace(duplicate=True) if message.key in seen else result)
            seen.add(message.key)
        return results


def read_up_to(sent: Sequence[SendResult]) -> int:
    """Return where messages moved their sender's read pointer to because of a `seen`, or 0 if they did not."""
    own = {result.event["sequence_id"] for result in sent}
    number: int = max((result.event["sequence_id"] for result in sent if result.has_read), default=0)
    while number + 1 in own:
        number += 1  # a message directly after one that was read
    return number


def idempotency_key(caller: Principal, conversation_id: str, client_message_id: str) -> IdempotencyKey:
    """Return the key of a message: that of a system message is unique for each service."""
    if caller.is_system:
        client_message_id = f"\0{caller.service}\0{client_message_id}"  # no client's id has these characters
    return IdempotencyKey(conversation_id, caller.participant_id, client_message_id)
