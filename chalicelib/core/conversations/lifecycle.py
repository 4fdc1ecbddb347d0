"""The life of a conversation: created, changed, deleted, purged."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access, erasure_error
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.conversations.views import Views, view_for_member
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound, Problem, ValidationFailed
from chalicelib.core.kernel.ids import new_conversation_id
from chalicelib.core.kernel.limits import first_check_at
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log, NoChange
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Actor, Principal, Role
from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.event_sizes import sizes_after
from chalicelib.core.model.events import new_event
from chalicelib.core.model.moderation import AuditEntry
from chalicelib.core.ports.commits import Commit, NewConversation, PreconditionFailed
from chalicelib.core.ports.connections import SubscriptionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.protocol import frames, serializers
from chalicelib.core.realtime.outbox import Result, ToParticipants, ToSubscriptions, pushes_for

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import CreateConversation, NewParticipant, UpdateConversation

_PURGES_PER_QUERY = 10
_PURGE_BATCH = 200


class Lifecycle:
    """Creates, updates, deletes and purges conversations."""

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
        runtime: Runtime,
    ) -> None:
        self._conversations = conversations
        self._event_log = event_log
        self._subscriptions = subscriptions
        self._access = access
        self._views = views
        self._log = log
        self._change_limiter = change_limiter
        self._runtime = runtime
        self._clock = runtime.clock

    # ---- create ----------------------------------------------------------------------------------------

    def create(self, caller: Principal, request: CreateConversation) -> Result:
        """Create a conversation that the caller owns. An entry of the caller among the participants is ignored.

        Raises:
            ValidationFailed: too many participants, or one of them twice.
            ErasureRunning: the caller is being erased.
            ConversationBusy: another participant is being erased.
        """
        others = [other for other in request.participants if other.participant_id != caller.participant_id]
        self._check_participants(others, request.participants)
        new = self._new_conversation(caller, request, others)
        try:
            complete = retry_on_conflict(self._runtime, lambda: self._conversations.create(new))
        except PreconditionFailed as failed:
            raise erasure_error(failed, caller) from None
        if not complete:
            self._log.finalize_creation(new.head.conversation_id)
        view = view_for_member(new.head, new.details, new.members[0])  # all have the same read pointer
        added = frames.added_push(view.copy())
        view["participants"] = [serializers.participant_view(member, online=False) for member in new.members]
        return Result(view, [ToParticipants([member.participant_id for member in new.members], added)])

    def _check_participants(self, others: Sequence[NewParticipant], requested: Sequence[NewParticipant]) -> None:
        limit = self._runtime.limits.participants
        if 1 + len({other.participant_id for other in others}) > limit:
            raise ValidationFailed.at(
                "participants", f"a conversation may have at most {limit} participants, including the caller"
            )
        if problems := _duplicates(requested):
            raise ValidationFailed(details=problems)

    def _new_conversation(
        self, caller: Principal, request: CreateConversation, others: Sequence[NewParticipant]
    ) -> NewConversation:
        now = milliseconds(self._clock)
        conversation_id = new_conversation_id(now)
        creator = caller.as_actor()

        def new_member(actor: Actor, role: Role) -> Membership:
            return Membership(conversation_id, actor.participant_id, actor.name, actor.type, role, now, 1, 1, 0)

        members = [new_member(creator, "owner")] + [
            new_member(Actor(other.participant_id, other.name, other.type), other.role) for other in others
        ]
        event = new_event(
            conversation_id,
            1,
            "conversation_created",
            sender=creator,
            now=now,
            title=request.title,
            participants=[serializers.participant(member, online=False) for member in members],
        )
        return NewConversation(
            Head(
                conversation_id,
                1,
                0,
                0,
                now,
                len(members),
                1,
                active_at=now,
                event_sizes=sizes_after("", 0, [event]),
            ),
            ConversationDetails(
                conversation_id, request.title, request.join_policy, request.metadata, now, creator.participant_id
            ),
            event,
            members,
            retention_check_at=first_check_at(now, self._runtime.timing),
        )

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
            details = self._conversations.details(conversation_id)
            if details is None:
                raise NotFound
            changes = {name: value for name, value in requested.items() if getattr(details, name) != value}
            if not changes:
                raise NoChange(head)
            return self._plan_update(head, caller, member, details, changes)

        try:
            head = self._change_limiter.charge(caller, conversation_id)
            pushes = pushes_for(self._log.append(conversation_id, plan, head))
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
            audit=[AuditEntry("conversation_updated", member.participant_id)],
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
        return Result(None, [ToSubscriptions(subscribers, frames.deleted_push(conversation_id))])

    def purge_due(self, seconds: float) -> int:
        """Remove the items of conversations that have ended, for about `seconds`; return how many are finished."""
        deadline, finished = self._clock.monotonic() + seconds, 0
        while due := self._conversations.due_purges(int(self._clock.now()), _PURGES_PER_QUERY):
            for purge in due:
                while not self._conversations.purge(purge, _PURGE_BATCH):
                    if self._clock.monotonic() >= deadline:
                        return finished
                finished += 1
            if self._clock.monotonic() >= deadline:
                break
        return finished


def _duplicates(participants: Sequence[NewParticipant]) -> list[Problem]:
    """Return a problem for each initial participant who is listed twice."""
    counts = Counter(participant.participant_id for participant in participants)
    return [
        {"path": f"participants.{index}.participant_id", "problem": "is listed twice"}
        for index, participant in enumerate(participants)
        if counts[participant.participant_id] > 1
    ]
