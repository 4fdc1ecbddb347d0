"""Sending a message: at once if nobody is in the way, in company if many are.

Alone, a message is one transaction: the head by condition, the event, the record that makes repeats one
send, and the sender's membership (whose read pointer it moves). If that collides with others twice, or
the head says that others collided a moment ago, the message goes into the conversation's **queue**: one
unconditional write that collides with nothing. Whoever's message is the oldest in the queue appends up to
`BATCH` of them in one transaction, which takes them out of the queue, too; the others wait for the
record of their own. So a crowd costs each sender a few reads instead of a lost race, and the log grows by
many messages in the time of one.

Nothing here depends on who takes the lead, or on clocks: two leaders at once collide on the head, and a
message stands only if it is still in the queue and was not recorded before. A message whose sender gave up
is taken out by the sender; if the sender died, the next leader drops it once it is old.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import muting
from .clock import Clock, milliseconds, rfc3339
from .errors import ChatError, ConversationBusy, Muted, NotFound, RateLimited, ValidationFailed
from .frames import event_push, person_ref
from .ids import is_conversation_id, new_message_id
from .limits import Limits, Timing
from .log import Log, Patience
from .measures import Measure
from .messages import Logged
from .model import Caller, Event, Head, Membership, RateVerdict, SendKey, SendRecord, State
from .ports import (
    Commit,
    ConnectionStore,
    Contended,
    ConversationStore,
    Gather,
    HeadMoved,
    Observer,
    Queued,
    Refused,
    Send,
)
from .pushes import Push, ToSubscribers

if TYPE_CHECKING:
    from .commands import Message
    from .requests import SendMessage

BATCH = 24
"""Four items a message and the head: what fits into a transaction of 100."""
DIRECT_ATTEMPTS = 2
CROWDED_MILLISECONDS = 1_000
STUCK_SECONDS = 0.25
POLL_SECONDS = (0.02, 0.05)
LEADER_PAUSE = (0.004, 0.012)


@dataclass(frozen=True, slots=True)
class Sent:
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
        caller: Caller,
        conversation_id: str,
        message: SendMessage | Message,
        head: Head | None = None,
    ) -> Sent:
        """Put a message into the log, or find that it is there.

        Raises:
            NotFound, RateLimited, ValidationFailed, ConversationBusy: it is not there.
        """
        if not is_conversation_id(conversation_id):
            raise NotFound
        self._observer.about(conversation_id=conversation_id, participant_id=caller.participant_id)
        try:
            sent = self._send(caller, conversation_id, message, head)
        except RateLimited:
            self._observer.count(Measure.MESSAGES_RATE_LIMITED)
            raise
        except ConversationBusy:
            self._observer.count(Measure.MESSAGES_BUSY)
            raise
        self._observer.count(Measure.MESSAGES_DUPLICATE if sent.duplicate else Measure.MESSAGES_ACCEPTED)
        return sent

    def _send(
        self, caller: Caller, conversation_id: str, message: SendMessage | Message, head: Head | None
    ) -> Sent:
        head, member, owed, objection = self._admit(caller, conversation_id, message, head)
        if objection is not None:
            # It may have been sent before, when its sender was not muted and all was there that it refers to.
            return self._repeat(caller, conversation_id, message, objection)
        draft = self._draft(caller, member, message)
        key = SendKey(
            conversation_id,
            caller.participant_id,
            # A send without an id of the client's is found again by its own, in a name space apart.
            message.client_message_id or f"\0{draft['message_id']}",
        )
        recorded = key if message.client_message_id else None
        patience = self._log.patience()
        for _ in range(DIRECT_ATTEMPTS):
            if head.crowded_until > milliseconds(self._clock):
                break
            charge, owed = owed, False
            try:
                return self._alone(head, draft, member, recorded, charge)
            except HeadMoved as moved:
                self._observer.count(Measure.APPEND_CONFLICTS)
                head = self._log.usable(moved.current)
            except Contended:
                self._observer.count(Measure.APPEND_CONFLICTS)
                patience.pause()
                head = self._log.live(conversation_id)
            except Refused as refused:
                if refused.repeated:
                    return self._found(conversation_id, refused.repeated[0])
                member = self._speaker(conversation_id, caller)
        while True:
            record = self._in_company(draft, key, member, patience, owed)
            if record is not None:
                mine = record.message_id == draft["message_id"]
                return replace(self._found(conversation_id, record), duplicate=not mine)
            owed = False
            self._log.live(conversation_id)
            member = self._speaker(conversation_id, caller)

    def pushes(self, sent: Sent) -> list[Push]:
        """What follows a send, a repeated one as well: the first may have died before its fan-out."""
        conversation_id = sent.event["conversation_id"]
        head = sent.head or self._store.head(conversation_id)
        if head is None or head.state is not State.LIVE:
            return []
        return [ToSubscribers(conversation_id, event_push(sent.event), head.gone)]

    def _admit(
        self, caller: Caller, conversation_id: str, message: SendMessage | Message, head: Head | None
    ) -> tuple[Head, Membership, bool, ChatError | None]:
        """All that must be looked at before a message is written, in one round of reads.

        Whether it is still to be charged for, and why it may not be said now, come with it.
        """
        limits, me = self._limits, caller.participant_id
        now = milliseconds(self._clock)
        verdict: RateVerdict
        member: Membership | None
        looks: list[Callable[[], Any]] = [
            lambda: self._store.membership(conversation_id, me),
            lambda: self._connections.rate(
                me, now, interval=1000 // limits.messages_per_second, burst=limits.burst
            ),
        ]
        if message.reply_to or message.mentions:
            looks.append(lambda: self._referred(conversation_id, message))
        if head is None:
            head, *found = self._gather(lambda: self._store.head(conversation_id), *looks)
        else:
            found = self._gather(*looks)
        member, verdict, *referred = found
        if member is None:
            raise NotFound
        usable = self._log.usable(head)
        if not verdict["allowed"]:
            raise RateLimited(retry_after=verdict["retry_after"])
        objection: ChatError | None = _objection(message, *referred[0]) if referred else None
        try:
            muting.check(member, now)
        except Muted as muted:
            objection = muted
        return usable, member, verdict["owed"], objection

    def _referred(
        self, conversation_id: str, message: SendMessage | Message
    ) -> tuple[Logged | None, dict[str, Membership]]:
        """The message that this one replies to, and the places of whom it mentions."""
        target, mentioned = self._gather(
            lambda: self._store.event(conversation_id, message.reply_to) if message.reply_to else None,
            lambda: self._store.members(conversation_id, message.mentions) if message.mentions else {},
        )
        return target, mentioned

    def _repeat(
        self,
        caller: Caller,
        conversation_id: str,
        message: SendMessage | Message,
        objection: ChatError,
    ) -> Sent:
        """What the message was answered when it was sent first. Raises `objection` if it never was."""
        record = None
        if message.client_message_id is not None:
            key = SendKey(conversation_id, caller.participant_id, message.client_message_id)
            record = self._store.record(key)
        if record is None:
            raise objection
        return self._found(conversation_id, record)

    def _speaker(self, conversation_id: str, caller: Caller) -> Membership:
        member = self._store.membership(conversation_id, caller.participant_id)
        if member is None:
            raise NotFound
        muting.check(member, milliseconds(self._clock))
        return member

    def _draft(self, caller: Caller, member: Membership, message: SendMessage | Message) -> Event:
        """The event without its number."""
        draft: Event = {
            "conversation_id": member.conversation_id,
            "type": "message",
            "created_at": rfc3339(milliseconds(self._clock)),
            "sender": person_ref(caller.acting(member)),
            "message_id": new_message_id(),
            "content": message.content,
        }
        optional = {
            "client_message_id": message.client_message_id,
            "reply_to": message.reply_to,
            "mentions": message.mentions or None,
            "metadata": message.metadata,
        }
        return draft | {name: value for name, value in optional.items() if value is not None}

    def _found(self, conversation_id: str, record: SendRecord) -> Sent:
        found = self._store.event(conversation_id, record.sequence_id)
        if found is None:
            raise NotFound
        return Sent(found.event, duplicate=True, head=None)

    # ---- alone -----------------------------------------------------------------------------------------

    def _alone(self, head: Head, draft: Event, member: Membership, key: SendKey | None, charge: bool) -> Sent:
        """One attempt. Raises HeadMoved, Contended, Refused."""
        event = {**draft, "sequence_id": head.sequence_id + 1}
        commit = Commit(old=head, new=self._moved(head, 1), sends=[Send(event, member, key)])
        self._paying(charge, member.participant_id, lambda: self._store.commit(commit))
        return Sent(event, duplicate=False, head=commit.new)

    def _moved(self, head: Head, count: int) -> Head:
        now = milliseconds(self._clock)
        return replace(
            head,
            sequence_id=head.sequence_id + count,
            messages=head.messages + count,
            last_message=head.sequence_id + count,
            updated_at=now,
            crowded_until=now + CROWDED_MILLISECONDS if count > 1 else 0,
        )

    def _paying(self, charge: bool, participant_id: str, write: Callable[[], None]) -> None:
        """Write, and beside it pay for a message out of the burst."""
        if not charge:
            write()
            return
        interval = 1000 // self._limits.messages_per_second
        self._gather(write, lambda: self._connections.charge(participant_id, interval=interval))

    # ---- in company ------------------------------------------------------------------------------------

    def _in_company(
        self, draft: Event, key: SendKey, member: Membership, patience: Patience, charge: bool
    ) -> SendRecord | None:
        """Queue the message and see it into the log.

        None if it was taken out of the queue without getting there, as when the membership is no longer the
        same. Raises ConversationBusy when the time is up; then the message is not in the log.
        """
        now = milliseconds(self._clock)
        queued = Queued(f"{now:015d}#{secrets.token_urlsafe(9)}", now, draft, member, key)
        self._paying(charge, member.participant_id, lambda: self._store.enqueue(queued))
        self._observer.count(Measure.MESSAGES_QUEUED)
        where, watch = member.conversation_id, _Watch(self._clock)
        while True:
            # Who waits reads one message of the queue, not the batch: all do it again and again in one partition.
            oldest = self._store.queue(where, 1)
            passed = not oldest or oldest[0].queue_id > queued.queue_id
            leads = bool(oldest) and (oldest[0].queue_id == queued.queue_id or watch.stuck(oldest[0]))
            if leads:
                self._lead(where, self._store.queue(where, BATCH))
            elif not passed:
                self._clock.sleep(random.uniform(*POLL_SECONDS))  # noqa: S311 — jitter
            # Also while an older one is in front: ids go by senders' clocks, it may have come after ours got in.
            record = self._store.record(key)
            if record is not None and record.message_id != draft["message_id"] and not passed:
                # A repeat of a send that got in by itself: left behind, it would keep others waiting for a leader.
                self._store.withdraw(where, queued.queue_id)
            if record is not None or passed:
                return record
            if patience.exhausted:
                if self._store.withdraw(where, queued.queue_id):
                    raise ConversationBusy(retry_after=1)
                return self._store.record(key)
            if leads:
                self._clock.sleep(random.uniform(*LEADER_PAUSE))  # noqa: S311 — jitter

    def _lead(self, conversation_id: str, waiting: Sequence[Queued]) -> None:
        """One attempt to append what is waiting; what can never get in is taken out of the queue."""
        head = self._log.live(conversation_id)
        batch = self._batch(waiting)
        if not batch:
            return
        sends = [
            Send({**each.event, "sequence_id": number}, each.member, each.key, each.queue_id)
            for number, each in enumerate(batch, head.sequence_id + 1)
        ]
        try:
            self._store.commit(Commit(old=head, new=self._moved(head, len(sends)), sends=sends))
        except (HeadMoved, Contended):
            self._observer.count(Measure.APPEND_CONFLICTS)
            return
        except Refused as refused:
            for index, each in enumerate(batch):
                if index in refused.repeated or each.member.participant_id in refused.not_members:
                    self._store.withdraw(conversation_id, each.queue_id)

    def _batch(self, waiting: Sequence[Queued]) -> list[Queued]:
        """What of the queue can go into one commit: each send once, each sender under one membership and mute."""
        too_old = milliseconds(self._clock) - int(2_000 * self._timing.append_deadline)
        batch: dict[SendKey, Queued] = {}
        places: dict[str, tuple[int, int]] = {}
        for each in waiting:
            place = each.member.epoch, each.member.muted_until
            if each.queued_at < too_old:
                self._store.withdraw(each.member.conversation_id, each.queue_id)
            elif places.setdefault(each.member.participant_id, place) == place:
                batch.setdefault(each.key, each)
        return list(batch.values())


def _objection(
    message: SendMessage | Message,
    target: Logged | None,
    mentioned: Mapping[str, Membership],
) -> ValidationFailed | None:
    """What is wrong with whom and what a message refers to."""
    if message.reply_to and (target is None or target.event["type"] != "message"):
        return ValidationFailed.at("reply_to", "must be the sequence_id of a message of this conversation")
    for index, each in enumerate(message.mentions):
        if each not in mentioned:
            return ValidationFailed.at(f"mentions.{index}", "must be a participant of this conversation")
    return None


class _Watch:
    """Notices that the same message stays the oldest, because its sender does not take the lead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._oldest = ""
        self._since = 0.0

    def stuck(self, oldest: Queued) -> bool:
        """Whether it has been the oldest for too long; senders come to that view at different times."""
        now = self._clock.monotonic()
        if oldest.queue_id != self._oldest:
            self._oldest, self._since = oldest.queue_id, now
        return now - self._since > STUCK_SECONDS * random.uniform(1, 2)  # noqa: S311 — jitter
