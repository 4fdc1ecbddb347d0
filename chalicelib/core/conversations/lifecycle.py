"""The life of a conversation after its creation: changed, deleted, purged."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log, NoChange
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.moderation import AuditEntry
from chalicelib.core.ports.commits import Commit, Purge
from chalicelib.core.ports.connections import SubscriptionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.protocol import frames
from chalicelib.core.realtime.activity import activity_of_deletion, activity_of_title
from chalicelib.core.realtime.outbox import Push, Result, ToSubscriptions, pushes_for

if TYPE_CHECKING:
    from chalicelib.core.ports.publishing import PurgeGate
    from chalicelib.core.protocol.requests import UpdateConversation

_PURGES_PER_QUERY = 10
_PURGE_BATCH = 200
_PUBLISHED_WITHIN, _PURGE_AGAIN = 3 * 24 * 3600, 3600
"""Seconds for which a purge waits for endpoints at most, and between two looks at them."""


class Lifecycle:
    """Updates, deletes and purges conversations."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        event_log: EventLogStore,
        subscriptions: SubscriptionStore,
        access: Access,
        views: Views,
        log: Log,
        change_limiter: ChangeLimiter,
        build_purge_gate: Callable[[], PurgeGate] | None,
        runtime: Runtime,
    ) -> None:
        """Without `build_purge_gate`, events are not published, and no purge waits."""
        self._conversations = conversations
        self._event_log = event_log
        self._subscriptions = subscriptions
        self._access = access
        self._views = views
        self._log = log
        self._change_limiter = change_limiter
        self._build_purge_gate = build_purge_gate
        self._runtime = runtime
        self._clock = runtime.clock

    # ---- update ----------------------------------------------------------------------------------------

    def update(self, caller: Principal, conversation_id: str, request: UpdateConversation) -> Result:
        """Change title, join policy, metadata or retention.

        Raises:
            NotFound, Forbidden, Muted, RateLimited, ConversationBusy: nothing was changed.
        """
        requested = request.model_dump(exclude_unset=True)

        def plan(head: Head) -> Commit:
            member = self._access.require_member(conversation_id, caller)
            permissions.require(Action.UPDATE_CONVERSATION, member, now=milliseconds(self._clock))
            if "retention_days" in requested:
                permissions.require(Action.SET_RETENTION, member)
            if requested.keys() - {"retention_days"}:
                permissions.require_group(head)
            details = self._conversations.details(conversation_id)
            if details is None:
                raise NotFound
            changes = {name: value for name, value in requested.items() if getattr(details, name) != value}
            if not changes:
                raise NoChange(head)
            return self._plan_update(head, caller, member, details, changes)

        try:
            head = self._change_limiter.charge(caller, conversation_id)
            commit = self._log.append(conversation_id, plan, head)
            pushes = [*pushes_for(commit), *activity_of_title(commit, self._runtime.limits)]
        except NoChange:
            pushes = []
        return self._views.respond_with_conversation(conversation_id, caller, pushes)

    def _plan_update(
        self,
        head: Head,
        caller: Principal,
        member: Membership,
        details: ConversationDetails,
        changes: Mapping[str, Any],
    ) -> Commit:
        now, sequence_id = milliseconds(self._clock), head.sequence_id + 1
        event = new_event(
            head.conversation_id,
            sequence_id,
            "conversation_updated",
            sender=caller.as_actor(member),
            now=now,
            **changes,
        )
        return Commit(
            head,
            replace(head, sequence_id=sequence_id, updated_at=now),
            [event],
            guard=member,
            details=replace(details, **changes),
            # Contents that have expired by the new number of days are removed soon, not at the next regular check.
            retention_check_at=now // 1000 if "retention_days" in changes else None,
            audit=[AuditEntry("conversation_updated", member.participant_id, service=caller.service)],
        )

    # ---- delete ----------------------------------------------------------------------------------------

    def delete(self, caller: Principal, conversation_id: str) -> Result:
        """Delete a conversation for all participants. One write ends it; its items are purged afterwards.

        Raises:
            NotFound, Forbidden, ConversationBusy: nothing was changed.
        """
        backoff = new_backoff(self._runtime)
        now = int(self._clock.now())
        while True:
            _, owner = self._access.require_permission(Action.DELETE_CONVERSATION, conversation_id, caller)
            delete = functools.partial(self._conversations.delete, owner, purge_at=now)
            if retry_on_conflict(self._runtime, delete):
                break
            backoff.wait()
        # No append can follow the mark, so this head names all departed members.
        head = self._event_log.head(conversation_id)
        departed = {} if head is None else head.departed
        subscribers = [
            subscription
            for subscription in self._subscriptions.subscribers(conversation_id)
            if departed.get(subscription.participant_id, 0) <= subscription.epoch
        ]
        self._subscriptions.unsubscribe_all(conversation_id)
        pushes: list[Push] = [ToSubscriptions(subscribers, frames.deleted_push(conversation_id))]
        if head is not None:
            pushes += activity_of_deletion(head, self._runtime.limits, subscribers)
        return Result(None, pushes)

    def purge_due(self, seconds: float) -> int:
        """Remove the items of conversations that have ended, for about `seconds`; return how many are finished."""
        deadline, finished = self._clock.monotonic() + seconds, 0
        while due := self._conversations.due_purges(int(self._clock.now()), _PURGES_PER_QUERY):
            for purge in due:
                gate = None if self._build_purge_gate is None else self._build_purge_gate()
                if gate is not None and self._is_postponed(purge, gate):
                    continue
                forget = None if gate is None else functools.partial(gate.forget, purge.conversation_id)
                while not self._conversations.purge(purge, _PURGE_BATCH, forget):
                    if self._clock.monotonic() >= deadline:
                        return finished
                finished += 1
            if self._clock.monotonic() >= deadline:
                break
        return finished

    def _is_postponed(self, purge: Purge, gate: PurgeGate) -> bool:
        """Postpone a purge while endpoints wait for events, up to three days; return whether it was."""
        now = int(self._clock.now())
        is_over = now - (purge.first_due_at or purge.due_at) >= _PUBLISHED_WITHIN
        if is_over or gate.is_published(purge.conversation_id):
            return False
        retry_on_conflict(self._runtime, lambda: self._conversations.postpone(purge, now + _PURGE_AGAIN))
        return True
