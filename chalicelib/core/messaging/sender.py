"""Sending a message: at once if nobody is in the way, in company if many are.

Alone, a message is one transaction: the head by condition, the event, the record that makes repeats one
send, and the sender's membership (whose read pointer it moves). If that collides with others twice, or
the head says that others collided a moment ago, the message goes into the conversation's **queue**: one
unconditional write that collides with nothing. Whoever's message is the oldest in the queue appends up to
`MAX_BATCH` of them in one transaction, which takes them out of the queue, too; the others wait for the
record of their own. So a crowd costs each sender a few reads instead of a lost race, and the log grows by
many messages in the time of one.

Nothing here depends on who takes the lead, or on clocks: two leaders at once collide on the head, and a
message stands only if it is still in the queue and was not recorded before. A message whose sender gave up
is taken out by the sender; if the sender died, the next leader drops it once it is old.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.kernel.backoff import Backoff, random_delay
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import (
    ChatError,
    ConversationBusy,
    Muted,
    NotFound,
    RateLimited,
    ValidationFailed,
)
from chalicelib.core.kernel.ids import is_conversation_id, new_message_id
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.kernel.metrics import Metric, Observer
from chalicelib.core.log.log import Log
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import Event, StoredEvent, new_event
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord, QueuedMessage
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.protocol.frames import event_push
from chalicelib.core.realtime.outbox import Push, ToSubscribers

if TYPE_CHECKING:
    from chalicelib.core.protocol.commands import Message
    from chalicelib.core.protocol.requests import SendMessage

MAX_BATCH = 24
"""Four items a message and the head: what fits into a transaction of 100."""
DIRECT_ATTEMPTS = 2
CONTENTION_WINDOW_MS = 1_000
LEADER_TIMEOUT = 0.25
POLL_SECONDS = (0.02, 0.05)
LEADER_BACKOFF = (0.004, 0.012)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of a send."""

    event: Event
    duplicate: bool
    head: Head | None
    """A head at or after the event; None if it was not seen."""


class Sender:
    """Sends messages."""

    def __init__(
        self,
        store: ConversationStore,
        connections: ConnectionStore,
        log: Log,
        clock: Clock,
        gather: Gather,
        observer: Observer,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._store = store
        self._connections = connections
        self._log = log
        self._clock = clock
        self._gather = gather
        self._observer = observer
        self._limits = limits
        self._timing = timing

    def send(
        self,
        caller: Principal,
        conversation_id: str,
        message: SendMessage | Message,
        head: Head | None = None,
    ) -> SendResult:
        """Put a message into the log, or find that it is there.

        Raises:
            NotFound, RateLimited, ValidationFailed, ConversationBusy: it is not there.
        """
        if not is_conversation_id(conversation_id):
            raise NotFound
        self._observer.bind(conversation_id=conversation_id, participant_id=caller.participant_id)
        try:
            sent = self._send(caller, conversation_id, message, head)
        except RateLimited:
            self._observer.count(Metric.MESSAGES_RATE_LIMITED)
            raise
        except ConversationBusy:
            self._observer.count(Metric.MESSAGES_BUSY)
            raise
        self._observer.count(Metric.MESSAGES_DUPLICATE if sent.duplicate else Metric.MESSAGES_ACCEPTED)
        return sent

    def _send(
        self, caller: Principal, conversation_id: str, message: SendMessage | Message, head: Head | None
    ) -> SendResult:
        charge = RateLimitCharge(self._connections, caller.participant_id, self._clock, self._gather, self._limits)
        head, member, objection = self._check_preconditions(caller, conversation_id, message, head, charge)
        if objection is not None:
            # It may have been sent before, when its sender was not muted and all was there that it refers to.
            return self._replay_or_raise(caller, conversation_id, message, objection)
        draft = self._draft(caller, member, message)
        key = IdempotencyKey(
            conversation_id,
            caller.participant_id,
            # A send without an id of the client's is found again by its own, in a name space apart.
            message.client_message_id or f"\0{draft['message_id']}",
        )
        recorded = key if message.client_message_id else None
        patience = self._log.new_backoff()
        for _ in range(DIRECT_ATTEMPTS):
            if head.contended_until > milliseconds(self._clock):
                break
            try:
                return self._append_directly(head, draft, member, recorded, charge)
            except HeadConflict as moved:
                self._observer.count(Metric.APPEND_CONFLICTS)
                head = self._log.require_live(moved.current)
            except WriteConflict:
                self._observer.count(Metric.APPEND_CONFLICTS)
                patience.wait()
                head = self._log.get_live_head(conversation_id)
            except PreconditionFailed as refused:
                if refused.duplicates:
                    return self._replay(conversation_id, refused.duplicates[0])
                member = self._require_speaking_member(conversation_id, caller)
        while True:
            record = self._append_via_queue(draft, key, member, patience, charge)
            if record is not None:
                mine = record.message_id == draft["message_id"]
                return replace(self._replay(conversation_id, record), duplicate=not mine)
            self._log.get_live_head(conversation_id)
            member = self._require_speaking_member(conversation_id, caller)

    def pushes(self, sent: SendResult) -> list[Push]:
        """What follows a send, a repeated one as well: the first may have died before its fan-out."""
        conversation_id = sent.event["conversation_id"]
        head = sent.head or self._store.head(conversation_id)
        if head is None or head.state is not ConversationState.LIVE:
            return []
        return [ToSubscribers(conversation_id, event_push(sent.event), head.departed)]

    def _check_preconditions(
        self,
        caller: Principal,
        conversation_id: str,
        message: SendMessage | Message,
        head: Head | None,
        charge: RateLimitCharge,
    ) -> tuple[Head, Membership, ChatError | None]:
        """All that must be looked at before a message is written, in one round of reads.

        Why it may not be said now comes with it.
        """
        now = milliseconds(self._clock)
        member: Membership | None
        looks: list[Callable[[], Any]] = [
            lambda: self._store.membership(conversation_id, caller.participant_id),
            charge.reserve,
        ]
        if message.reply_to or message.mentions:
            looks.append(lambda: self._load_references(conversation_id, message))
        if head is None:
            head, *found = self._gather(lambda: self._store.head(conversation_id), *looks)
        else:
            found = self._gather(*looks)
        member, _, *referred = found
        if member is None:
            raise NotFound
        usable = self._log.require_live(head)
        charge.raise_if_limited()
        objection: ChatError | None = _reference_error(message, *referred[0]) if referred else None
        try:
            permissions.require_unmuted(member, now)
        except Muted as muted:
            objection = muted
        return usable, member, objection

    def _load_references(
        self, conversation_id: str, message: SendMessage | Message
    ) -> tuple[StoredEvent | None, dict[str, Membership]]:
        """The message that this one replies to, and the places of whom it mentions."""
        target, mentioned = self._gather(
            lambda: self._store.event(conversation_id, message.reply_to) if message.reply_to else None,
            lambda: self._store.memberships_in(conversation_id, message.mentions) if message.mentions else {},
        )
        return target, mentioned

    def _replay_or_raise(
        self,
        caller: Principal,
        conversation_id: str,
        message: SendMessage | Message,
        objection: ChatError,
    ) -> SendResult:
        """What the message was answered when it was sent first. Raises `objection` if it never was."""
        record = None
        if message.client_message_id is not None:
            key = IdempotencyKey(conversation_id, caller.participant_id, message.client_message_id)
            record = self._store.idempotency_record(key)
        if record is None:
            raise objection
        return self._replay(conversation_id, record)

    def _require_speaking_member(self, conversation_id: str, caller: Principal) -> Membership:
        member = self._store.membership(conversation_id, caller.participant_id)
        if member is None:
            raise NotFound
        permissions.require_unmuted(member, milliseconds(self._clock))
        return member

    def _draft(self, caller: Principal, member: Membership, message: SendMessage | Message) -> Event:
        """The event without its number."""
        optional = {
            "client_message_id": message.client_message_id,
            "reply_to": message.reply_to,
            "mentions": message.mentions or None,
            "metadata": message.metadata,
        }
        return new_event(
            member.conversation_id,
            None,
            "message",
            sender=caller.as_actor(member),
            now=milliseconds(self._clock),
            message_id=new_message_id(),
            content=message.content,
            **{name: value for name, value in optional.items() if value is not None},
        )

    def _replay(self, conversation_id: str, record: IdempotencyRecord) -> SendResult:
        found = self._store.event(conversation_id, record.sequence_id)
        if found is None:
            raise NotFound
        return SendResult(found.event, duplicate=True, head=None)

    # ---- alone -----------------------------------------------------------------------------------------

    def _append_directly(
        self, head: Head, draft: Event, member: Membership, key: IdempotencyKey | None, charge: RateLimitCharge
    ) -> SendResult:
        """One attempt. Raises HeadConflict, WriteConflict, PreconditionFailed."""
        event = {**draft, "sequence_id": head.sequence_id + 1}
        commit = Commit(old=head, new=self._next_head(head, 1), messages=[MessageAppend(event, member, key)])
        charge.charge_beside(lambda: self._store.commit(commit))
        return SendResult(event, duplicate=False, head=commit.new)

    def _next_head(self, head: Head, count: int) -> Head:
        now = milliseconds(self._clock)
        return replace(
            head,
            sequence_id=head.sequence_id + count,
            message_count=head.message_count + count,
            last_message=head.sequence_id + count,
            updated_at=now,
            contended_until=now + CONTENTION_WINDOW_MS if count > 1 else 0,
        )

    # ---- in company ------------------------------------------------------------------------------------

    def _append_via_queue(
        self, draft: Event, key: IdempotencyKey, member: Membership, patience: Backoff, charge: RateLimitCharge
    ) -> IdempotencyRecord | None:
        """Queue the message and see it into the log.

        None if it was taken out of the queue without getting there, as when the membership is no longer the
        same. Raises ConversationBusy when the time is up; then the message is not in the log.
        """
        now = milliseconds(self._clock)
        queued = QueuedMessage(f"{now:015d}#{secrets.token_urlsafe(9)}", now, draft, member, key)
        charge.charge_beside(lambda: self._store.enqueue(queued))
        self._observer.count(Metric.MESSAGES_QUEUED)
        where, watch = member.conversation_id, LeaderTimeout(self._clock)
        while True:
            # Who waits reads one message of the queue, not the batch: all do it again and again in one partition.
            oldest = self._store.queued_messages(where, 1)
            passed = not oldest or oldest[0].queue_id > queued.queue_id
            leads = bool(oldest) and (oldest[0].queue_id == queued.queue_id or watch.expired(oldest[0]))
            if leads:
                self._commit_batch(where, self._store.queued_messages(where, MAX_BATCH))
            elif not passed:
                self._clock.sleep(random_delay(*POLL_SECONDS))
            # Also while an older one is in front: ids go by senders' clocks, it may have come after ours got in.
            record = self._store.idempotency_record(key)
            if record is not None and record.message_id != draft["message_id"] and not passed:
                # A repeat of a send that got in by itself: left behind, it would keep others waiting for a leader.
                self._store.dequeue(where, queued.queue_id)
            if record is not None or passed:
                return record
            if patience.expired:
                if self._store.dequeue(where, queued.queue_id):
                    raise ConversationBusy(retry_after=1)
                return self._store.idempotency_record(key)
            if leads:
                self._clock.sleep(random_delay(*LEADER_BACKOFF))

    def _commit_batch(self, conversation_id: str, waiting: Sequence[QueuedMessage]) -> None:
        """One attempt to append what is waiting; what can never get in is taken out of the queue."""
        head = self._log.get_live_head(conversation_id)
        batch = self._batch(waiting)
        if not batch:
            return
        sends = [
            MessageAppend({**each.event, "sequence_id": number}, each.member, each.key, each.queue_id)
            for number, each in enumerate(batch, head.sequence_id + 1)
        ]
        try:
            self._store.commit(Commit(old=head, new=self._next_head(head, len(sends)), messages=sends))
        except (HeadConflict, WriteConflict):
            self._observer.count(Metric.APPEND_CONFLICTS)
            return
        except PreconditionFailed as refused:
            for index, each in enumerate(batch):
                if index in refused.duplicates or each.member.participant_id in refused.stale_memberships:
                    self._store.dequeue(conversation_id, each.queue_id)

    def _batch(self, waiting: Sequence[QueuedMessage]) -> list[QueuedMessage]:
        """What of the queue can go into one commit: each send once, each sender under one membership and mute."""
        too_old = milliseconds(self._clock) - int(2_000 * self._timing.append_deadline)
        batch: dict[IdempotencyKey, QueuedMessage] = {}
        places: dict[str, tuple[int, int]] = {}
        for each in waiting:
            place = each.member.epoch, each.member.muted_until
            if each.queued_at < too_old:
                self._store.dequeue(each.member.conversation_id, each.queue_id)
            elif places.setdefault(each.member.participant_id, place) == place:
                batch.setdefault(each.key, each)
        return list(batch.values())


def _reference_error(
    message: SendMessage | Message,
    target: StoredEvent | None,
    mentioned: Mapping[str, Membership],
) -> ValidationFailed | None:
    """What is wrong with whom and what a message refers to."""
    if message.reply_to and (target is None or target.event["type"] != "message"):
        return ValidationFailed.at("reply_to", "must be the sequence_id of a message of this conversation")
    for index, each in enumerate(message.mentions):
        if each not in mentioned:
            return ValidationFailed.at(f"mentions.{index}", "must be a participant of this conversation")
    return None


class LeaderTimeout:
    """Notices that the same message stays the oldest, because its sender does not take the lead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._oldest = ""
        self._since = 0.0

    def expired(self, oldest: QueuedMessage) -> bool:
        """Whether it has been the oldest for too long; senders come to that view at different times."""
        now = self._clock.monotonic()
        if oldest.queue_id != self._oldest:
            self._oldest, self._since = oldest.queue_id, now
        return now - self._since > LEADER_TIMEOUT * random_delay(1, 2)
