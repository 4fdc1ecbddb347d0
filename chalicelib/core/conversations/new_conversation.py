"""A new conversation: its first event, members and pending members, as decided about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.core.conversations.additions import new_entry
from chalicelib.core.conversations.consent import Decision
from chalicelib.core.kernel.limits import first_check_at
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Actor, Principal, Role
from chalicelib.core.model.consent import Standing
from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.event_sizes import sizes_after
from chalicelib.core.model.events import new_event
from chalicelib.core.ports.commits import NewConversation
from chalicelib.core.protocol import serializers

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import NewParticipant


def new_conversation(
    details: ConversationDetails,
    caller: Principal,
    own: Standing | None,
    role: Role,
    others: Sequence[NewParticipant],
    decisions: Mapping[str, Decision],
    runtime: Runtime,
) -> NewConversation:
    """Return what a creation writes.

    `own` is the standing of the caller, who gets `role`; None for a service, which is no participant.
    """
    conversation_id, now = details.conversation_id, details.created_at
    creator, members = caller.as_actor(), []
    if own is not None:
        creator = own.named(creator)
        members = [own.profiled(_member(details, creator, role, is_added=False))]
    members += [
        decision.standing.profiled(
            _member(details, Actor(other.participant_id, other.name, decision.type), other.role, is_added=True)
        )
        for other in others
        if not (decision := decisions[other.participant_id]).is_pending
    ]
    event = new_event(
        conversation_id,
        1,
        "conversation_created",
        sender=creator,
        now=now,
        title=details.title,
        participants=[serializers.participant(member, online=False) for member in members],
    )
    sizes = sizes_after("", 0, [event])
    head = Head(conversation_id, 1, 0, 0, now, len(members), 1, active_at=now, event_sizes=sizes)
    pending = [
        (new_entry(head, details.title, creator, 1, other, runtime, at=now / 1000), decision.is_visible)
        for other in others
        if (decision := decisions[other.participant_id]).is_pending
    ]
    return NewConversation(
        head,
        details,
        event,
        members,
        {participant_id: decision.standing for participant_id, decision in decisions.items()},
        pending,
        runtime.limits.conversations,
        retention_check_at=first_check_at(now, runtime.timing),
    )


def _member(details: ConversationDetails, actor: Actor, role: Role, *, is_added: bool) -> Membership:
    who = (actor.participant_id, actor.name, actor.type)
    return Membership(details.conversation_id, *who, role, details.created_at, 1, 1, 0, is_added=is_added)
