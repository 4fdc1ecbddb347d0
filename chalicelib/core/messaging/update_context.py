"""How a change of a message gets into the log: what it is decided upon is read after the head, and tried again.

Of two changes at once, the second is decided anew. If what was read is newer than the head already, there is
nothing to try: the head is read again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.conversations.conversations import Conversations
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import ChatError, NotFound, ValidationFailed
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.log.log import Log, NoChange
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event, MessageState, Reaction, StoredEvent, new_event
from chalicelib.core.ports.commits import Commit, HeadConflict
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.protocol.frames import event_push
from chalicelib.core.realtime.outbox import Push, ToSubscribers, pushes_for


def no_such_target() -> ValidationFailed:
    """What a member is told whose `target` is no message."""
    return ValidationFailed.at("target", "must be the sequence_id of a message of this conversation")


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What came of a change."""

    sequence_id: int
    """Of the event by which it is so; the head, where there is none."""
    message: Event
    """As it now is."""
    pushes: list[Push]


@dataclass(frozen=True, slots=True)
class UpdateContext:
    """What a change is decided upon, at one head."""

    head: Head
    actor: Membership
    message: StoredEvent
    extra: Any
    """What else was looked at."""
    sender: Actor
    now: int

    @property
    def next_sequence_id(self) -> int:
        """The sequence id of the event."""
        return self.head.sequence_id + 1

    @property
    def target(self) -> int:
        """The sequence id of the message."""
        return int(self.message.event["sequence_id"])

    @property
    def state(self) -> MessageState:
        """What the message now is."""
        return self.message.state or MessageState(version=self.target)

    @property
    def latest_version_read(self) -> int:
        """The newest event that is in what was read."""
        found = self.extra.sequence_id if isinstance(self.extra, Reaction) else 0
        return max(self.state.version, self.message.deleted_by, found)

    @property
    def is_author(self) -> bool:
        """Whether the actor said it."""
        return bool(self.message.event["sender"]["participant_id"] == self.actor.participant_id)

    def commit(self, kind: str, said: dict[str, Any], **changes: Any) -> Commit:
        """The commit of this change."""
        where, number = self.head.conversation_id, self.next_sequence_id
        event = new_event(where, number, kind, sender=self.sender, now=self.now, target=self.target, **said)
        new = replace(self.head, sequence_id=self.next_sequence_id, updated_at=self.now)
        return Commit(self.head, new, [event], **changes)


Plan = Callable[[UpdateContext], Commit]
NotFoundError = Callable[[], ChatError]


class MessageUpdater:
    """Makes changes. All of them count as messages for the rate."""

    def __init__(
        self,
        store: ConversationStore,
        connections: ConnectionStore,
        conversations: Conversations,
        log: Log,
        clock: Clock,
        gather: Gather,
        limits: Limits,
    ) -> None:
        self._store = store
        self._connections = connections
        self._conversations = conversations
        self._log = log
        self._clock = clock
        self._gather = gather
        self._limits = limits

    def apply(
        self,
        caller: Principal,
        where: str,
        target: int,
        plan: Plan,
        head: Head | None,
        not_found: NotFoundError,
        load_extra: Callable[[], Any] | None = None,
    ) -> UpdateResult:
        """Append what `decide` makes of it; `look` is what it needs to know beside actor and message.

        `missing` is what a member is told whose target is no message.
        """
        if not is_conversation_id(where):
            raise NotFound
        charge = RateLimitCharge(self._connections, caller.participant_id, self._clock, self._gather, self._limits)
        scenes: list[UpdateContext] = []

        def plan_at(head: Head) -> Commit:
            try:
                scene = self._scene(head, caller, target, charge, not_found, load_extra)
                if scene.latest_version_read > head.sequence_id:
                    raise HeadConflict(self._store.head(where))
                scenes.append(scene)
                return plan(scene)
            except (ChatError, NoChange):
                # The reads may have ended in any order. What is told of them is only for who is still in.
                self._conversations.require_member(where, caller)
                raise

        def write(commit: Commit) -> None:
            charge.charge_beside(lambda: self._store.commit(commit))

        try:
            commit = self._log.append(
                where, plan_at, None if head is None else self._log.require_live(head), write
            )
        except NoChange as nothing:
            charge.charge()
            return self._repeated(nothing, scenes[-1].message)
        return UpdateResult(
            commit.new.sequence_id, _current_message(scenes[-1].message, commit), pushes_for(commit)
        )

    def _scene(
        self,
        head: Head,
        caller: Principal,
        target: int,
        charge: RateLimitCharge,
        missing: NotFoundError,
        look: Callable[[], Any] | None,
    ) -> UpdateContext:
        where = head.conversation_id
        actor: Membership | None
        message: StoredEvent | None
        actor, message, more, _ = self._gather(
            lambda: self._store.membership(where, caller.participant_id),
            lambda: self._store.event(where, target),
            look or (lambda: {}),
            charge.reserve,
        )
        if actor is None:
            raise NotFound
        charge.raise_if_limited()
        if message is None or message.event["type"] != "message":
            raise missing()
        return UpdateContext(head, actor, message, more, caller.as_actor(actor), milliseconds(self._clock))

    def _repeated(self, nothing: NoChange, message: StoredEvent) -> UpdateResult:
        """The answer to what is so already; pushed again, for the first time may have died before its fan-out."""
        head = nothing.head
        if nothing.sequence_id is None:
            return UpdateResult(head.sequence_id, message.current, [])
        found = self._store.event(head.conversation_id, nothing.sequence_id)
        pushes: list[Push] = []
        if found is not None:
            pushes.append(ToSubscribers(head.conversation_id, event_push(found.event), head.departed))
        return UpdateResult(nothing.sequence_id, message.current, pushes)


def _current_message(message: StoredEvent, commit: Commit) -> Event:
    """The message after a commit."""
    number = message.event["sequence_id"]
    for event, _ in commit.redacted:
        if event["sequence_id"] == number:
            return event
    return replace(message, state=commit.message_states[number]).current
