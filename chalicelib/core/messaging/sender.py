"""Sending a message: appended directly, or by group commit under contention.

A direct append is one transaction: the head, the event, the idempotency record that makes a repeat a no-op, and
the sender's membership, whose read pointer it moves. After two conflicts, or if the head records contention a
moment ago, the message is queued (`group_commit.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.backoff import Backoff
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ChatError, ConversationBusy, Muted, NotFound, RateLimited
from chalicelib.core.kernel.ids import is_conversation_id, new_message_id
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.conflicts import new_backoff
from chalicelib.core.messaging.group_commit import GroupCommit, next_head
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.messaging.references import References
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import Event, new_event
from chalicelib.core.model.messages import IdempotencyKey, IdempotencyRecord
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.protocol.message_fields import content_of
from chalicelib.core.realtime.outbox import Push, pushes_of_events

if TYPE_CHECKING:
    from chalicelib.core.messaging.references import NewMessage

DIRECT_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class SendResult:
    """A message in the log."""

    event: Event
    duplicate: bool
    """Whether it was there before."""
    head: Head | None
    """A head at or after the event; None if none was read."""


class Sender:
    """Sends messages."""

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        memberships: MembershipStore,
        rate_limits: RateLimitStore,
        log: Log,
        group_commit: GroupCommit,
        runtime: Runtime,
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._rate_limits = rate_limits
        self._log = log
        self._group_commit = group_commit
        self._runtime = runtime
        self._clock = runtime.clock
        self._gather = runtime.gather
        self._observer = runtime.observer
        self._references = References(event_log=event_log, memberships=memberships, gather=runtime.gather)

    def send(
        self, caller: Principal, conversation_id: str, message: NewMessage, head: Head | None = None
    ) -> SendResult:
        """Append a message; for a repeat, return the one that is in the log. `head` saves a read.

        Raises:
            NotFound, RateLimited, Muted, ValidationFailed, ConversationBusy: it is not in the log.
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

    def pushes(self, sent: SendResult) -> list[Push]:
        """Return the push of a message; a repeat is pushed again, as the first process may have crashed before."""
        conversation_id = sent.event["conversation_id"]
        head = sent.head or self._event_log.head(conversation_id)
        if head is None or head.state is not ConversationState.LIVE:
            return []
        return pushes_of_events(conversation_id, [sent.event], head.departed)

    def _send(self, caller: Principal, conversation_id: str, message: NewMessage, head: Head | None) -> SendResult:
        charge = RateLimitCharge(caller.participant_id, rate_limits=self._rate_limits, runtime=self._runtime)
        head, member, error = self._check_preconditions(caller, conversation_id, message, head, charge)
        if error is not None:
            return self._replay_or_raise(caller, conversation_id, message, error)
        draft = self._draft(caller, member, message)
        # Without a client's id, a queued message is found by its own id, which no client's id can be.
        key_id = message.client_message_id or f"\0{draft['message_id']}"
        key = IdempotencyKey(conversation_id, caller.participant_id, key_id)
        recorded = key if message.client_message_id else None
        backoff = new_backoff(self._runtime)
        for _ in range(DIRECT_ATTEMPTS):
            if head.contended_until > milliseconds(self._clock):
                break
            try:
                return self._append_directly(head, draft, member, recorded, charge)
            except HeadConflict as conflict:
                self._observer.count(Metric.APPEND_CONFLICTS)
                head = self._log.require_live(conflict.current)
            except WriteConflict:
                self._observer.count(Metric.APPEND_CONFLICTS)
                backoff.wait()
                head = self._log.get_live_head(conversation_id)
            except PreconditionFailed as failed:
                if failed.duplicates:
                    return self._replay(conversation_id, failed.duplicates[0])
                member = self._require_speaking_member(conversation_id, caller)
        return self._append_via_queue(caller, draft, key, member, backoff, charge)

    # ---- preconditions ---------------------------------------------------------------------------------

    def _check_preconditions(
        self,
        caller: Principal,
        conversation_id: str,
        message: NewMessage,
        head: Head | None,
        charge: RateLimitCharge,
    ) -> tuple[Head, Membership, ChatError | None]:
        """Read everything that a message depends on, in one round trip.

        The error is that of a new message; a repeat may have been sent when there was no mute and its references
        were valid. Raises NotFound and RateLimited, which hold for a repeat as well.
        """
        now = milliseconds(self._clock)
        reads: list[Callable[[], Any]] = [
            lambda: self._memberships.membership(conversation_id, caller.participant_id),
            charge.reserve,
        ]
        if message.reply_to or message.mentions:
            reads.append(lambda: self._references.error(conversation_id, message))
        if head is None:
            head, *results = self._gather(lambda: self._event_log.head(conversation_id), *reads)
        else:
            results = self._gather(*reads)
        member: Membership | None
        member, _, *errors = results
        if member is None:
            raise NotFound
        live_head = self._log.require_live(head)
        charge.raise_if_limited()
        error: ChatError | None = errors[0] if errors else None
        try:
            permissions.require(Action.SEND_MESSAGE, member, now=now)
        except Muted as muted:
            error = muted
        return live_head, member, error

    def _require_speaking_member(self, conversation_id: str, caller: Principal) -> Membership:
        member = self._memberships.membership(conversation_id, caller.participant_id)
        if member is None:
            raise NotFound
        permissions.require(Action.SEND_MESSAGE, member, now=milliseconds(self._clock))
        return member

    def _replay_or_raise(
        self, caller: Principal, conversation_id: str, message: NewMessage, error: ChatError
    ) -> SendResult:
        """Return the message if it is in the log; raise `error` if it is not."""
        record = None
        if message.client_message_id is not None:
            key = IdempotencyKey(conversation_id, caller.participant_id, message.client_message_id)
            record = self._event_log.idempotency_record(key)
        if record is None:
            raise error
        return self._replay(conversation_id, record)

    def _replay(self, conversation_id: str, record: IdempotencyRecord) -> SendResult:
        stored = self._event_log.event(conversation_id, record.sequence_id)
        if stored is None:
            raise NotFound
        return SendResult(stored.event, duplicate=True, head=None)

    # ---- append ----------------------------------------------------------------------------------------

    def _draft(self, caller: Principal, member: Membership, message: NewMessage) -> Event:
        """Return the event without its sequence id."""
        client_id = message.client_message_id
        return new_event(
            member.conversation_id,
            None,
            "message",
            sender=caller.as_actor(member),
            now=milliseconds(self._clock),
            message_id=new_message_id(),
            **content_of(message),
            **({} if client_id is None else {"client_message_id": client_id}),
        )

    def _append_directly(
        self, head: Head, draft: Event, member: Membership, key: IdempotencyKey | None, charge: RateLimitCharge
    ) -> SendResult:
        """Try once. Raises HeadConflict, WriteConflict, PreconditionFailed."""
        event = {**draft, "sequence_id": head.sequence_id + 1}
        new = next_head(head, 1, milliseconds(self._clock))
        commit = Commit(old=head, new=new, messages=[MessageAppend(event, member, key)])
        charge.charge_with(lambda: self._event_log.commit(commit))
        return SendResult(event, duplicate=False, head=new)

    def _append_via_queue(
        self,
        caller: Principal,
        draft: Event,
        key: IdempotencyKey,
        member: Membership,
        backoff: Backoff,
        charge: RateLimitCharge,
    ) -> SendResult:
        """Append by group commit; again, if the message left the queue because its membership changed.

        Raises ConversationBusy at the deadline of `backoff`, however often that happens.
        """
        while True:
            record = self._group_commit.append(draft, key, member, backoff, charge)
            if record is not None:
                is_new = record.message_id == draft["message_id"]
                return replace(self._replay(key.conversation_id, record), duplicate=not is_new)
            backoff.wait()
            self._log.get_live_head(key.conversation_id)
            member = self._require_speaking_member(key.conversation_id, caller)
