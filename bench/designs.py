"""The three append designs of the comparison, behind the same interface.

The reads before the append are the same for all: the connection, then membership and rate limit in parallel. (The
connection identifies the caller, so nothing about the caller can be read earlier.)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.kernel.ids import new_message_id
from chalicelib.core.log.appending import Log
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.messages import IdempotencyKey
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict

from .cells import Cells
from .harness import CONVERSATIONS, Harness, connection_id_of


class Design(Protocol):
    """An append design."""

    def send(self, participant_id: str, client_message_id: str) -> int:
        """Send a message; return its sequence id. Raises ConversationBusy if it is not in the log."""
        ...


class ProductSender:
    """The product: `Sender.send`, after the connection and the head, which are read in parallel."""

    def __init__(self, harness: Harness) -> None:
        self._world = harness

    def send(self, participant_id: str, client_message_id: str) -> int:
        """See `Design.send`."""
        harness = self._world
        _, head = harness.time.gather(
            lambda: harness.chat.stores.connections.get(connection_id_of(participant_id)),
            lambda: harness.chat.stores.event_log.head(harness.conversation_id),
        )
        caller = Principal(participant_id, None)
        sent = harness.chat.messaging.sender.send(
            caller, harness.conversation_id, harness.message(client_message_id), head
        )
        number: int = sent.event["sequence_id"]
        return number


class _BaselineDesign:
    """The common part of the two designs for comparison."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    def read_preconditions(self, participant_id: str, *beside: Callable[[], Any]) -> tuple[Membership, list[Any]]:
        """Read the preconditions of an append; `beside` runs in parallel with the read of the connection."""
        harness, chat = self.harness, self.harness.chat
        _, *results = harness.time.gather(
            lambda: chat.stores.connections.get(connection_id_of(participant_id)),
            *beside,
        )
        member, _ = harness.time.gather(
            lambda: harness.member(participant_id),
            lambda: chat.stores.rate_limits.acquire(
                participant_id, milliseconds(harness.time), 1, interval=1, burst=1000
            ),
        )
        return member, results

    def draft(self, member: Membership, client_message_id: str) -> Event:
        """Return the event without its sequence id."""
        return {
            "conversation_id": self.harness.conversation_id,
            "type": "message",
            "created_at": rfc3339(milliseconds(self.harness.time)),
            "sender": {"participant_id": member.participant_id, "name": member.name, "type": member.type},
            "message_id": new_message_id(),
            "content": self.harness.message(client_message_id).content,
            "client_message_id": client_message_id,
        }


class Optimistic(_BaselineDesign):
    """Design (a): a transaction advances the head with a condition; conflicts are retried.

    A failed condition returns the new head; after a conflict the head is read again. Backoff has full jitter and
    doubles up to `cap` seconds; after 5 s the writer gives up.
    """

    def __init__(self, harness: Harness, cap: float = 0.25) -> None:
        super().__init__(harness)
        self._cap = cap
        self._log = Log(event_log=harness.chat.stores.event_log, runtime=harness.chat.runtime)

    def send(self, participant_id: str, client_message_id: str) -> int:
        """See `Design.send`."""
        conversation_id = self.harness.conversation_id
        member, (head,) = self.read_preconditions(participant_id, lambda: self._log.get_live_head(conversation_id))
        draft = self.draft(member, client_message_id)
        key = IdempotencyKey(conversation_id, participant_id, client_message_id)
        deadline = self.harness.time.monotonic() + self.harness.chat.settings.timing.append_deadline
        attempt = 0
        while True:
            try:
                return self._commit(head, draft, member, key)
            except HeadConflict as moved:
                head = self._log.require_live(moved.current)
            except WriteConflict:
                head = None
            except PreconditionFailed as refused:
                if not refused.duplicates:
                    raise NotFound from refused
                return refused.duplicates[0].sequence_id
            if self.harness.time.monotonic() > deadline:
                raise ConversationBusy(retry_after=1)
            attempt += 1
            self.harness.time.sleep(random.uniform(0, min(0.008 * 2**attempt, self._cap)))
            head = head or self._log.get_live_head(conversation_id)

    def _commit(self, head: Head, draft: Event, member: Membership, key: IdempotencyKey) -> int:
        number = head.sequence_id + 1
        new = Head(
            head.conversation_id,
            number,
            head.message_count + 1,
            number,
            milliseconds(self.harness.time),
            head.participant_count,
            head.roster_version,
        )
        event = {**draft, "sequence_id": number}
        self.harness.chat.stores.event_log.commit(
            Commit(old=head, new=new, messages=[MessageAppend(event, member, key)])
        )
        return number


class Sequencer(_BaselineDesign):
    """Design (b): a number is allocated, then its cell is written; see `cells.py`."""

    def __init__(self, harness: Harness) -> None:
        super().__init__(harness)
        self.cells = Cells(harness.dynamo, CONVERSATIONS, harness.time)

    def send(self, participant_id: str, client_message_id: str) -> int:
        """See `Design.send`."""
        member, _ = self.read_preconditions(participant_id)
        key = IdempotencyKey(self.harness.conversation_id, participant_id, client_message_id)
        return self.cells.append(self.draft(member, client_message_id), member, key)


DESIGNS: Mapping[str, Callable[[Harness], Design]] = {
    "(a) optimistic": Optimistic,
    "(b) sequencer": Sequencer,
    "group commit": ProductSender,
}
