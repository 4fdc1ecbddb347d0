"""Sending messages: their preconditions are read in one round trip, and they are appended (`appender.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import membership_of
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import (
    ChatError,
    ConversationBusy,
    Muted,
    NotFound,
    RateLimited,
    ValidationFailed,
)
from chalicelib.core.kernel.ids import is_conversation_id, new_message_id
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.conflicts import new_backoff
from chalicelib.core.messaging.acceptance import direct_errors
from chalicelib.core.messaging.appender import Appender
from chalicelib.core.messaging.group_commit import GroupCommit
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.messaging.references import References
from chalicelib.core.messaging.run import Run, RunResult, SendResult, idempotency_key, read_up_to
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.messages import DraftMessage
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.protocol.frames import Frame, read_push
from chalicelib.core.protocol.message_fields import content_of
from chalicelib.core.realtime.activity import activity_of_messages, own_read_frame
from chalicelib.core.realtime.outbox import Push, commit_events, pushes_of_events, pushes_of_read_pointer

if TYPE_CHECKING:
    from chalicelib.core.messaging.references import NewMessage
    from chalicelib.core.messaging.screening import MessageScreening


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
        screening: MessageScreening | None = None,
    ) -> None:
        """With `screening`, the hook is asked about each message."""
        self._event_log = event_log
        self._memberships = memberships
        self._rate_limits = rate_limits
        self._log = log
        self._appender = Appender(
            event_log=event_log, memberships=memberships, log=log, group_commit=group_commit, runtime=runtime
        )
        self._screening = screening
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
            NotFound, RateLimited, Muted, ValidationFailed, RefusedByHook, Unavailable, ConversationBusy: it is not
                in the log.
        """
        result = self.send_run(caller, conversation_id, [message], head)
        if result.error is not None:
            raise result.error
        return result.sent[0]

    def send_run(
        self, caller: Principal, conversation_id: str, messages: Sequence[NewMessage], head: Head | None = None
    ) -> RunResult:
        """Append messages in their order, with as few transactions as possible, until one of them fails.

        The errors are those of `send`. The rate limiter is charged for one message.
        """
        if not is_conversation_id(conversation_id):
            return RunResult([], NotFound())
        self._observer.bind(conversation_id=conversation_id, participant_id=caller.participant_id)
        sent: list[SendResult] = []
        error: ChatError | None = None
        try:
            self._send_run(caller, conversation_id, messages, head, sent)
        except ChatError as failure:
            error = failure
        self._count(sent, error)
        return RunResult(sent, error)

    def pushes(self, *sent: SendResult, connection_id: str | None = None) -> list[Push]:
        """Return the pushes of messages of one conversation, and of the sender's read pointer if one moved it.

        The leader of a group commit pushes all events of it, and the other senders nothing. Repeats are pushed
        again, as the first process may have crashed before. The push of the pointer reaches the sender's
        connections but `connection_id`.
        """
        commits = {id(result.commit): result.commit for result in sent if result.commit is not None}.values()
        events = {event["sequence_id"]: event for commit in commits for event in commit_events(commit)}
        events |= {result.event["sequence_id"]: result.event for result in sent if result.duplicate}
        if not (has_read_up_to := read_up_to(sent)) and not events:
            return []
        conversation_id = sent[0].event["conversation_id"]
        heads = [commit.new for commit in commits if commit.new.sequence_id >= max(events)]
        head = heads[0] if heads else self._event_log.head(conversation_id)
        if head is None or head.state is not ConversationState.LIVE:
            return []
        pushes = pushes_of_events(conversation_id, [events[number] for number in sorted(events)], head.excluded)
        own_frame: Frame = {}
        if has_read_up_to:
            frame = read_push(conversation_id, sent[0].event["sender"]["participant_id"], has_read_up_to)
            own_frame = own_read_frame(frame, commits)
            pushes += pushes_of_read_pointer(frame, own_frame, head.excluded, connection_id)
        return [*pushes, *activity_of_messages(commits, self._runtime.limits, own_frame)]

    def _send_run(
        self,
        caller: Principal,
        conversation_id: str,
        messages: Sequence[NewMessage],
        head: Head | None,
        sent: list[SendResult],
    ) -> None:
        """Add the results to `sent`, until a message fails. A message that is refused begins a new run."""
        charge = RateLimitCharge(caller, rate_limits=self._rate_limits, runtime=self._runtime)
        backoff = new_backoff(self._runtime)
        while rest := messages[len(sent) :]:
            live_head, member, errors = self._check_preconditions(caller, conversation_id, rest, head, charge)
            valid = next((index for index, error in enumerate(errors) if error is not None), len(rest))
            accepted, error = rest[:valid], errors[0]
            if accepted and self._screening is not None and not caller.is_system:
                accepted, error = self._screening.first(caller, member, rest)
                if accepted and not live_head.direct:
                    live_head = self._log.get_live_head(conversation_id)  # others append while the hook answers
            if not accepted:
                sent.append(self._replay_or_raise(caller, conversation_id, rest[0], error or NotFound()))
            else:
                run = Run([self._draft(caller, member, message) for message in accepted])
                try:
                    self._appender.append(run, live_head, member, caller, backoff, charge)
                finally:
                    sent += run.sent
            head = None

    def _count(self, sent: Sequence[SendResult], error: ChatError | None) -> None:
        for result in sent:
            self._observer.count(Metric.MESSAGES_DUPLICATE if result.duplicate else Metric.MESSAGES_ACCEPTED)
        if isinstance(error, RateLimited):
            self._observer.count(Metric.MESSAGES_RATE_LIMITED)
        if isinstance(error, ConversationBusy):
            self._observer.count(Metric.MESSAGES_BUSY)

    # ---- preconditions ---------------------------------------------------------------------------------

    def _check_preconditions(
        self,
        caller: Principal,
        conversation_id: str,
        messages: Sequence[NewMessage],
        head: Head | None,
        charge: RateLimitCharge,
    ) -> tuple[Head, Membership, list[ChatError | None]]:
        """Read everything that messages depend on, in one round trip.

        The errors are those of new messages; a repeat may have been sent when there was no mute and its references
        were valid. Raises NotFound and RateLimited, which hold for a repeat as well.
        """
        now = milliseconds(self._clock)
        reads: list[Callable[[], Any]] = [
            lambda: membership_of(self._memberships, conversation_id, caller),
            charge.reserve,
        ]
        if head is None:
            reads.insert(0, lambda: self._event_log.head(conversation_id))
        referring = [index for index, message in enumerate(messages) if message.reply_to or message.mentions]
        checks = [self._reference_check(conversation_id, messages[index]) for index in referring]
        results = self._gather(*reads, *checks)
        if head is None:
            head = results.pop(0)
        member: Membership | None
        member, _, *found = results
        if member is None:
            raise NotFound
        live_head = self._log.require_live(head)
        charge.raise_if_limited()
        errors = dict(zip(referring, found, strict=True))
        errors |= {
            index: ValidationFailed.at("seen", "must not be beyond the head of the conversation")
            for index, message in enumerate(messages)
            if message.seen is not None and message.seen > live_head.sequence_id
        }
        if live_head.direct:
            errors |= direct_errors(live_head, member, len(messages), self._runtime.limits)
        try:
            permissions.require(Action.SEND_MESSAGE, member, now=now)
        except Muted as muted:
            errors = dict.fromkeys(range(len(messages)), muted)
        return live_head, member, [errors.get(index) for index in range(len(messages))]

    def _reference_check(self, conversation_id: str, message: NewMessage) -> Callable[[], ChatError | None]:
        return lambda: self._references.error(conversation_id, message)

    def _replay_or_raise(
        self, caller: Principal, conversation_id: str, message: NewMessage, error: ChatError
    ) -> SendResult:
        """Return the message if it is in the log; raise `error` if it is not."""
        record = None
        if message.client_message_id is not None:
            key = idempotency_key(caller, conversation_id, message.client_message_id)
            record = self._event_log.idempotency_record(key)
        if record is None:
            raise error
        return self._appender.replay(conversation_id, record)

    def _draft(self, caller: Principal, member: Membership, message: NewMessage) -> DraftMessage:
        client_id = message.client_message_id
        event = new_event(
            member.conversation_id,
            None,
            "message",
            sender=caller.as_actor(member),
            now=milliseconds(self._clock),
            message_id=new_message_id(),
            **content_of(message),
            **({} if client_id is None else {"client_message_id": client_id}),
        )
        # Without a client's id, a queued message is found by its own id, which no client's id can be.
        key_id = client_id or f"\0{event['message_id']}"
        key = idempotency_key(caller, member.conversation_id, key_id)
        return DraftMessage(event, key, message.seen)
