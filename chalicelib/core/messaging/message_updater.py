"""Appending the update of a message.

An update reads its preconditions (the message exists, the caller wrote it, the emoji limit is not reached) after
the head. Only an append can change them, and an append moves the head; so if the commit succeeds, they still
held. If it fails, or if the message is newer than the head, they are read again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib.core.conversations.access import Access, membership_of
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ChatError, NotFound, ValidationFailed
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log, NoChange
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.messaging.update_context import Plan, UpdateContext
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event, StoredEvent
from chalicelib.core.ports.commits import Commit, HeadConflict
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.realtime.activity import activity_of_update
from chalicelib.core.realtime.outbox import Push, pushes_for, pushes_of_events

NotFoundError = Callable[[], ChatError]
"""Creates the error for a member whose target is not a message."""


def no_such_target() -> ValidationFailed:
    """Return the error for a command whose `target` is not a message."""
    return ValidationFailed.at("target", "must be the sequence_id of a message of this conversation")


class UpdateResult(NamedTuple):
    """The result of an update."""

    sequence_id: int
    """That of the event that made the change; the head, if there was none."""
    message: Event
    """The message in its current form."""
    pushes: list[Push]


class MessageUpdater:
    """Applies updates. Each counts as a message for the rate limit."""

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        memberships: MembershipStore,
        rate_limits: RateLimitStore,
        access: Access,
        log: Log,
        runtime: Runtime,
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._rate_limits = rate_limits
        self._access = access
        self._log = log
        self._runtime = runtime

    def apply(
        self,
        caller: Principal,
        conversation_id: str,
        target: int,
        plan: Plan,
        *,
        head: Head | None,
        not_found: NotFoundError,
        load_extra: Callable[[], Any] | None = None,
    ) -> UpdateResult:
        """Append what `plan` makes of the message and the caller; no-op if it raises NoChange.

        `load_extra` reads more for the plan, at the same time as the message. `head` saves a read.

        Raises:
            NotFound, RateLimited, ConversationBusy, and the errors of `not_found` and `plan`: nothing was changed.
        """
        if not is_conversation_id(conversation_id):
            raise NotFound
        charge = RateLimitCharge(caller, rate_limits=self._rate_limits, runtime=self._runtime)
        contexts: list[UpdateContext] = []

        def plan_at(head: Head) -> Commit:
            try:
                context = self._read_context(head, caller, target, charge, not_found, load_extra)
                if context.latest_version_read > head.sequence_id:
                    raise HeadConflict(self._event_log.head(conversation_id))
                contexts.append(context)
                return plan(context)
            except (ChatError, NoChange):
                # The reads were made in parallel: they may be newer than a removal of the caller.
                self._access.require_member(conversation_id, caller)
                raise

        live_head = None if head is None else self._log.require_live(head)
        try:
            commit = self._log.append(conversation_id, plan_at, live_head)
        except NoChange as nothing:
            return self._repeat(nothing, contexts[-1].message)
        message = _current_message(contexts[-1].message, commit)
        pushes = [*pushes_for(commit), *activity_of_update(commit, message, self._runtime.limits)]
        return UpdateResult(commit.new.sequence_id, message, pushes)

    def _read_context(
        self,
        head: Head,
        caller: Principal,
        target: int,
        charge: RateLimitCharge,
        not_found: NotFoundError,
        load_extra: Callable[[], Any] | None,
    ) -> UpdateContext:
        actor: Membership | None
        message: StoredEvent | None
        actor, message, extra, _ = self._runtime.gather(
            lambda: membership_of(self._memberships, head.conversation_id, caller),
            lambda: self._event_log.event(head.conversation_id, target),
            load_extra or (lambda: None),
            charge.reserve,
        )
        if actor is None:
            raise NotFound
        charge.raise_if_limited()
        if message is None or message.event["type"] != "message":
            raise not_found()
        now = milliseconds(self._runtime.clock)
        return UpdateContext(head, actor, message, extra, caller.as_actor(actor), now)

    def _repeat(self, nothing: NoChange, message: StoredEvent) -> UpdateResult:
        """Return the result of a no-op, with the push of its event, as the first process may have crashed."""
        head = nothing.head
        if nothing.sequence_id is None:
            return UpdateResult(head.sequence_id, message.current, [])
        stored = self._event_log.event(head.conversation_id, nothing.sequence_id)
        pushes: list[Push] = []
        if stored is not None:
            pushes = pushes_of_events(head.conversation_id, [stored.event], head.excluded)
        return UpdateResult(nothing.sequence_id, message.current, pushes)


def _current_message(message: StoredEvent, commit: Commit) -> Event:
    """Return the message in its form after a commit."""
    sequence_id = message.event["sequence_id"]
    for event, _ in commit.redacted:
        if event["sequence_id"] == sequence_id:
            return event
    return replace(message, state=commit.message_states[sequence_id]).current
