"""The three ways to append to a log that are compared, each behind the same front.

What comes before the append is the same for all: the socket's row, then the membership and the rate limit
beside each other. (The socket's row tells who asks, so nothing about the person can be read earlier.)
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
from .world import CONVERSATIONS, Harness, connection_id_of


class Design(Protocol):
    """A way to append."""

    def send(self, participant_id: str, client_message_id: str) -> int:
        """Send a message; its number in the log. Raises ConversationBusy: it is not in the log."""
        ...


class ProductSender:
    """What the product does: `Sender.send`, behind the socket's row and the head that is read beside it."""

    def __init__(self, world: Harness) -> None:
        self._world = world

    def send(self, participant_id: str, client_message_id: str) -> int:
        """See `Design.send`."""
        world = self._world
        _, head = world.time.gather(
            lambda: world.chat.stores.connections.get(connection_id_of(participant_id)),
            lambda: world.chat.stores.event_log.head(world.conversation_id),
        )
        caller = Principal(participant_id, None)
        sent = world.chat.messaging.sender.send(
            caller, world.conversation_id, world.message(client_message_id), head
        )
        number: int = sent.event["sequence_id"]
        return number


class _BaselineDesign:
    """What the two others have in common."""

    def __init__(self, world: Harness) -> None:
        self.world = world

    def read_preconditions(self, participant_id: str, *beside: Callable[[], Any]) -> tuple[Membership, list[Any]]:
        """The reads before an append; `beside` is done together with the read of the socket's row."""
        world, chat = self.world, self.world.chat
        _, *results = world.time.gather(
            lambda: chat.stores.connections.get(connection_id_of(participant_id)),
            *beside,
        )
        member, _ = world.time.gather(
            lambda: world.member(participant_id),
            lambda: chat.stores.rate_limits.try_acquire(
                participant_id, milliseconds(world.time), interval=1, burst=1000
            ),
        )
        return member, results

    def draft(self, member: Membership, client_message_id: str) -> Event:
        """The event without its number."""
        return {
            "conversation_id": self.world.conversation_id,
            "type": "message",
            "created_at": rfc3339(milliseconds(self.world.time)),
            "sender": {"participant_id": member.participant_id, "name": member.name, "type": member.type},
            "message_id": new_message_id(),
            "content": self.world.message(client_message_id).content,
            "client_message_id": client_message_id,
        }


class Optimistic(_BaselineDesign):
    """Design (a): one transaction moves the head by condition; who loses tries again.

    A lost condition brings the new head; after a conflict the head is read again. Pauses have full jitter and
    double up to `cap` seconds; after 5 s the writer gives up.
    """

    def __init__(self, world: Harness, cap: float = 0.25) -> None:
        super().__init__(world)
        self._cap = cap
        self._log = Log(event_log=world.chat.stores.event_log, runtime=world.chat.runtime)

    def send(self, participant_id: str, client_message_id: str) -> int:
        """See `Design.send`."""
        conversation_id = self.world.conversation_id
        member, (head,) = self.read_preconditions(participant_id, lambda: self._log.get_live_head(conversation_id))
        draft = self.draft(member, client_message_id)
        key = IdempotencyKey(conversation_id, participant_id, client_message_id)
        deadline = self.world.time.monotonic() + self.world.chat.settings.timing.append_deadline
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
            if self.world.time.monotonic() > deadline:
                raise ConversationBusy(retry_after=1)
            attempt += 1
            self.world.time.sleep(random.uniform(0, min(0.008 * 2**attempt, self._cap)))
            head = head or self._log.get_live_head(conversation_id)

    def _commit(self, head: Head, draft: Event, member: Membership, key: IdempotencyKey) -> int:
        number = head.sequence_id + 1
        new = Head(
            head.conversation_id,
            number,
            head.message_count + 1,
            number,
            milliseconds(self.world.time),
            head.participant_count,
            head.roster_version,
        )
        event = {**draft, "sequence_id": number}
        self.world.chat.stores.event_log.commit(
            Commit(old=head, new=new, messages=[MessageAppend(event, member, key)])
        )
        return number


class Sequencer(_BaselineDesign):
    """Design (b): a number is drawn, then its cell is written; see `cells.py`."""

    def __init__(self, world: Harness) -> None:
        super().__init__(world)
        self.cells = Cells(world.dynamo, CONVERSATIONS, world.time)

    def send(self, participant_id: str, client_message_id: str) -> int:
        """See `Design.send`."""
        member, _ = self.read_preconditions(participant_id)
        key = IdempotencyKey(self.world.conversation_id, participant_id, client_message_id)
        return self.cells.append(self.draft(member, client_message_id), member, key)


DESIGNS: Mapping[str, Callable[[Harness], Design]] = {
    "(a) optimistic": Optimistic,
    "(b) sequencer": Sequencer,
    "ours": ProductSender,
}
