"""Conversations as wholes: made, listed, looked at, changed, deleted, cleared away.

Whoever is no participant learns nothing, not even by a race: what is read is read first, and that the reader is
still a participant is looked at last, so that all of it was theirs to see (L7).
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from chalicelib.core.conversations import permissions
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import (
    ConversationBusy,
    ErasureRunning,
    Forbidden,
    NotFound,
    Problem,
    ValidationFailed,
)
from chalicelib.core.kernel.ids import is_conversation_id, new_conversation_id
from chalicelib.core.kernel.limits import Limits, Timing, first_check_at
from chalicelib.core.log.log import Log, NoChange
from chalicelib.core.model.actors import Actor, Principal, Role
from chalicelib.core.model.conversations import ConversationDetails, ConversationState, Head, Membership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.moderation import AuditEntry
from chalicelib.core.ports.commits import Commit, NewConversation, PreconditionFailed
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.protocol import frames
from chalicelib.core.protocol.frames import Conversation
from chalicelib.core.realtime.outbox import Push, Result, ToParticipants, ToSubscriptions, pushes_for
from chalicelib.core.realtime.presence import Presence

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import (
        ConversationsQuery,
        CreateConversation,
        NewParticipant,
        UpdateConversation,
    )

MODERATORS: tuple[Role, ...] = ("owner", "moderator")
LATEST_MESSAGES = 50
ERASURE_RETRY_AFTER = 60
"""When to try again to bring in somebody who is just being erased."""
_PURGE_STEP = 200


class Conversations:
    """What can be done with conversations as wholes."""

    def __init__(
        self,
        store: ConversationStore,
        connections: ConnectionStore,
        log: Log,
        presence: Presence,
        clock: Clock,
        gather: Gather,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._store = store
        self._connections = connections
        self._log = log
        self._presence = presence
        self._clock = clock
        self._gather = gather
        self._limits = limits
        self._timing = timing

    # ---- looking ---------------------------------------------------------------------------------------

    def require_member(self, conversation_id: str, caller: Principal) -> Membership:
        """The caller's place in a conversation. Raises NotFound."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        member = self._store.membership(conversation_id, caller.participant_id)
        if member is None:
            raise NotFound
        return member

    def require_member_and_head(self, conversation_id: str, caller: Principal) -> tuple[Head, Membership]:
        """The head of a live conversation, and the caller's place in it. Raises NotFound."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        head, member = self._gather(
            lambda: self._store.head(conversation_id),
            lambda: self._store.membership(conversation_id, caller.participant_id),
        )
        if member is None:
            raise NotFound
        return self._log.require_live(head), member

    def participants(self, head: Head) -> list[frames.Participant]:
        """Who is in, longest-standing first, and who of them is online."""
        roster, online = self._gather(
            lambda: self._store.roster(head.conversation_id),
            lambda: self._presence.online(head),
        )
        now = milliseconds(self._clock)
        members = [permissions.without_expired_mute(member, now) for member in roster]
        return [frames.participant(member, online=member.participant_id in online) for member in members]

    def view(self, conversation_id: str, caller: Principal, *, messages: bool = False) -> Conversation:
        """A conversation as the caller sees it, with its participants. Raises NotFound."""
        head, _ = self.require_member_and_head(conversation_id, caller)
        info, participants, newest = self._gather(
            lambda: self._store.details(conversation_id),
            lambda: self.participants(head),
            lambda: self._log.messages_before(head, None, LATEST_MESSAGES if messages else 1),
        )
        member = self.require_member(conversation_id, caller)
        if info is None:
            raise NotFound
        view = self._for_member(head, info, member)
        view["participants"] = participants
        if newest.events:
            view["last_message"] = cast(frames.Event, newest.events[-1])
        if messages:
            view["messages"] = cast(list[frames.Event], newest.events)
        return view

    def _for_member(self, head: Head, info: ConversationDetails, member: Membership) -> Conversation:
        view = frames.conversation(head, info)
        view["read_up_to"] = member.read_up_to
        view["unread_count"] = max(head.message_count - member.read_message_count, 0)
        return view

    def list(self, caller: Principal, query: ConversationsQuery) -> dict[str, object]:
        """The caller's conversations, latest activity first, a page at a time."""
        after = None if query.cursor is None else tuple(paging.decode(query.cursor, int, str))
        mine = {each.conversation_id for each in self._store.memberships_of(caller.participant_id)}
        heads = [head for head in self._store.heads(list(mine)).values() if head.state is ConversationState.LIVE]
        ranked = sorted(heads, key=_activity_key, reverse=True)
        rest = [head for head in ranked if after is None or _activity_key(head) < after]
        page = rest[: query.limit]
        infos, newest = self._store.load_summaries(page)
        # Last of all: what of this is still the caller's, and up to where they have read by now.
        places = self._store.memberships([head.conversation_id for head in page], caller.participant_id)
        conversations = []
        for head in page:
            where = head.conversation_id
            if where not in places or where not in infos:
                continue
            view = self._for_member(head, infos[where], places[where])
            if where in newest:
                view["last_message"] = cast(frames.Event, newest[where])
            conversations.append(view)
        next_key = _activity_key(page[-1]) if len(rest) > len(page) else None
        return paging.page("conversations", conversations, next_key)

    # ---- making and changing ---------------------------------------------------------------------------

    def create(self, caller: Principal, request: CreateConversation) -> Result:
        """Make a conversation with the caller as owner."""
        if 1 + len(request.participants) > self._limits.participants:
            raise ValidationFailed.at(
                "participants",
                f"a conversation may have at most {self._limits.participants} participants, the caller included",
            )
        if problems := _duplicates(request.participants, caller.participant_id):
            raise ValidationFailed(details=problems)
        conversation_id, now = new_conversation_id(), milliseconds(self._clock)
        me = caller.as_actor()

        def initial(person: Actor, role: Role) -> Membership:
            return Membership(conversation_id, person.participant_id, person.name, person.type, role, now, 1, 1, 0)

        members = [initial(me, "owner")] + [
            initial(Actor(each.participant_id, each.name, each.type), each.role) for each in request.participants
        ]
        participants = [frames.participant(member, online=False) for member in members]
        head = Head(conversation_id, 1, 0, 0, now, len(members), 1)
        info = ConversationDetails(
            conversation_id, request.title, request.join_policy, request.metadata, now, me.participant_id
        )
        event = new_event(
            conversation_id,
            1,
            "conversation_created",
            sender=me,
            now=now,
            title=request.title,
            participants=participants,
        )
        visit_at = first_check_at(now, self._timing)
        creation = NewConversation(head, info, event, members, visit_at)
        try:
            whole = self._log.retry_on_conflict(lambda: self._store.create(creation))
        except PreconditionFailed as refused:
            if caller.participant_id in refused.erasing:
                raise ErasureRunning from None
            # Of somebody else it is not the caller's business: for a while it does not work, as in a crowd.
            raise ConversationBusy(retry_after=ERASURE_RETRY_AFTER) from None
        if not whole:
            self._log.finalize_creation(conversation_id)
        view = self._for_member(head, info, members[0])
        view["participants"] = participants
        added = frames.added_push(frames.conversation(head, info))
        return Result(view, [ToParticipants([each.participant_id for each in members], added)])

    def update(self, caller: Principal, conversation_id: str, request: UpdateConversation) -> Result:
        """Change what is said about a conversation; owners and moderators may."""
        commits: list[Commit] = []
        asked = request.model_dump(exclude_unset=True)

        def plan(head: Head) -> Commit:
            member = self.require_member(conversation_id, caller)
            if member.role not in MODERATORS or ("retention_days" in asked and member.role != "owner"):
                raise Forbidden
            info = self._store.details(conversation_id)
            if info is None:
                raise NotFound
            changes = {name: value for name, value in asked.items() if getattr(info, name) != value}
            if not changes:
                raise NoChange(head)
            now = milliseconds(self._clock)
            sender, number = caller.as_actor(member), head.sequence_id + 1
            event = new_event(conversation_id, number, "conversation_updated", sender=sender, now=now, **changes)
            new = replace(head, sequence_id=number, updated_at=now)
            entry = AuditEntry("conversation_updated", member.participant_id)
            return Commit(
                head,
                new,
                [event],
                guard=member,
                details=replace(info, **changes),
                # What is past retention by the new number goes soon, not when it was due by the old one.
                retention_check_at=now // 1000 if "retention_days" in changes else None,
                audit=[entry],
            )

        with contextlib.suppress(NoChange):
            commits.append(self._log.append(conversation_id, plan))
        pushes = [push for commit in commits for push in pushes_for(commit)]
        return self.respond_with_conversation(conversation_id, caller, pushes)

    def respond_with_conversation(self, conversation_id: str, caller: Principal, pushes: Sequence[Push]) -> Result:
        """The conversation as the answer to a change of it, even if its author has just been removed."""
        try:
            return Result(self.view(conversation_id, caller), pushes)
        except NotFound as problem:
            return Result(None, pushes, problem)

    # ---- ending ----------------------------------------------------------------------------------------

    def delete(self, caller: Principal, conversation_id: str) -> Result:
        """Delete a conversation; owners may. One write ends it for everybody, its items follow."""
        patience = self._log.new_backoff()
        now = int(self._clock.now())
        while True:
            _, member = self.require_member_and_head(conversation_id, caller)
            if member.role != "owner":
                raise Forbidden
            if self._log.retry_on_conflict(functools.partial(self._store.delete, member, purge_at=now)):
                break
            patience.wait()
        # Nothing can follow the mark: who has gone by this head is all who ever will.
        head = self._store.head(conversation_id)
        gone = {} if head is None else head.departed
        live = [
            each
            for each in self._connections.subscribers(conversation_id)
            if gone.get(each.participant_id, 0) <= each.epoch
        ]
        self._connections.unsubscribe_all(conversation_id)
        return Result(None, [ToSubscriptions(live, frames.deleted_push(conversation_id))])

    def sweep(self, seconds: float) -> int:
        """Clear away conversations that are due, for about so long; how many were finished."""
        until, finished = self._clock.monotonic() + seconds, 0
        while due := self._store.due_purges(int(self._clock.now()), 10):
            for purge in due:
                while not self._store.purge(purge, _PURGE_STEP):
                    if self._clock.monotonic() >= until:
                        return finished
                finished += 1
            if self._clock.monotonic() >= until:
                break
        return finished


def _activity_key(head: Head) -> tuple[int | str, ...]:
    return head.updated_at, head.conversation_id


def _duplicates(participants: list[NewParticipant], caller: str) -> list[Problem]:
    """Who stands in a list of initial participants although they are in it already."""
    counts = Counter([caller, *(each.participant_id for each in participants)])
    return [
        {"path": f"participants.{index}.participant_id", "problem": "is in the conversation already"}
        for index, each in enumerate(participants)
        if counts[each.participant_id] > 1
    ]
