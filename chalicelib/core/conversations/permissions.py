"""The permissions of each role: `RULES`, from which the table "Who may what" in docs/protocol.md is generated.

Being a member is checked before (`access.py`), as outsiders must not learn that a conversation exists.

Roles and mutes change only in commits that move the head. So a use case that reads the membership in its plan and
calls `require` there needs no further precondition. A message does, as it is planned on a membership that was
read earlier: its commit requires that the mute is as read (`aws/dynamodb/append.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from chalicelib.core.kernel.errors import Forbidden, Muted
from chalicelib.core.model.actors import Role
from chalicelib.core.model.conversations import Head, Membership


class Action(enum.Enum):
    """An action in a conversation, as the documentation calls it."""

    READ = "read"
    SEND_MESSAGE = "send messages; for services, system messages"
    EDIT_MESSAGE = "edit messages"
    DELETE_MESSAGE = "delete messages"
    REACT = "react, and remove their own reactions"
    REMOVE_REACTION = "remove reactions of others"
    SHOW_TYPING = "show that they are typing"
    UPDATE_CONVERSATION = "change title, join policy and metadata"
    SET_RETENTION = "change the retention"
    DELETE_CONVERSATION = "delete the conversation"
    ADD_PARTICIPANT = "add participants who are not banned"
    REMOVE_PARTICIPANT = "remove participants"
    BAN = "ban participants and outsiders"
    UNBAN = "lift bans"
    LIST_BANS = "list bans"
    MUTE = "mute participants"
    CHANGE_ROLE = "change roles"
    LIST_PENDING = "list pending memberships"
    WITHDRAW_PENDING = "withdraw pending memberships"
    MANAGE_INVITES = "create, list and revoke invites"
    READ_AUDIT = "read the audit log"
    REPORT = "report messages"
    HANDLE_REPORTS = "list and close reports of messages of others"
    LEAVE = "leave"
    JOIN = "join"
    ANSWER_PENDING = "accept or decline a pending membership"


class Scope(enum.Enum):
    """The targets on which an action is allowed, as the documentation calls them."""

    NONE = ""
    ALL = "yes"
    OWN = "own"
    OTHERS = "those of others"
    MEMBERS = "members"
    """Neither owners nor moderators; for an action that gives a role, the role of a member alone."""
    NOT_OWNERS = "all but owners"
    INVITED = "by an invite, or if it is open; unless banned"
    PENDING = "their own; unless banned"


class Rule(NamedTuple):
    """One row of the table: the scope of an action for each role, for services, and for outsiders (`others`)."""

    owner: Scope = Scope.NONE
    moderator: Scope = Scope.NONE
    member: Scope = Scope.NONE
    service: Scope = Scope.NONE
    others: Scope = Scope.NONE
    unless_muted: bool = False
    refusal: str | None = None
    """The message of the error, if it is not that of Forbidden."""


_ALL, _OWN, _MEMBERS, _NOT_OWNERS = Scope.ALL, Scope.OWN, Scope.MEMBERS, Scope.NOT_OWNERS

RULES: Mapping[Action, Rule] = {
    Action.READ: Rule(owner=_ALL, moderator=_ALL, member=_ALL, service=_ALL),
    Action.SEND_MESSAGE: Rule(owner=_ALL, moderator=_ALL, member=_ALL, service=_ALL, unless_muted=True),
    Action.EDIT_MESSAGE: Rule(
        owner=_OWN,
        moderator=_OWN,
        member=_OWN,
        unless_muted=True,
        refusal="Only its author can edit a message.",
    ),
    Action.DELETE_MESSAGE: Rule(
        owner=_ALL,
        moderator=_ALL,
        member=_OWN,
        service=_ALL,
        refusal="Only its author, owners and moderators can delete a message.",
    ),
    Action.REACT: Rule(owner=_ALL, moderator=_ALL, member=_ALL, unless_muted=True),
    Action.REMOVE_REACTION: Rule(
        owner=_ALL,
        moderator=_ALL,
        service=_ALL,
        refusal="Only owners and moderators can remove the reactions of others.",
    ),
    Action.SHOW_TYPING: Rule(owner=_ALL, moderator=_ALL, member=_ALL, unless_muted=True),
    Action.UPDATE_CONVERSATION: Rule(owner=_ALL, moderator=_ALL, service=_ALL, unless_muted=True),
    Action.SET_RETENTION: Rule(owner=_ALL, service=_ALL),
    Action.DELETE_CONVERSATION: Rule(owner=_ALL, service=_ALL),
    Action.ADD_PARTICIPANT: Rule(owner=_ALL, moderator=_MEMBERS, service=_ALL, unless_muted=True),
    Action.REMOVE_PARTICIPANT: Rule(owner=_ALL, moderator=_MEMBERS, service=_ALL),
    Action.BAN: Rule(owner=_NOT_OWNERS, moderator=_MEMBERS, service=_ALL),
    Action.UNBAN: Rule(owner=_ALL, moderator=_ALL, service=_ALL),
    Action.LIST_BANS: Rule(owner=_ALL, moderator=_ALL, service=_ALL),
    Action.MUTE: Rule(owner=_NOT_OWNERS, moderator=_MEMBERS, service=_NOT_OWNERS),
    Action.CHANGE_ROLE: Rule(owner=_ALL, service=_ALL),
    Action.LIST_PENDING: Rule(owner=_ALL, moderator=_ALL, service=_ALL),
    Action.WITHDRAW_PENDING: Rule(owner=_ALL, moderator=_MEMBERS, service=_ALL),
    Action.MANAGE_INVITES: Rule(owner=_ALL, moderator=_ALL, service=_ALL),
    Action.READ_AUDIT: Rule(owner=_ALL, service=_ALL),
    Action.REPORT: Rule(
        owner=Scope.OTHERS,
        moderator=Scope.OTHERS,
        member=Scope.OTHERS,
        refusal="You cannot report your own message.",
    ),
    Action.HANDLE_REPORTS: Rule(owner=_ALL, moderator=_ALL, service=_ALL),
    Action.LEAVE: Rule(owner=_ALL, moderator=_ALL, member=_ALL),
    Action.JOIN: Rule(others=Scope.INVITED),
    Action.ANSWER_PENDING: Rule(others=Scope.PENDING),
}


class Target(Protocol):
    """The participant that an action concerns: a member, a newcomer, or the author of a message."""

    @property
    def participant_id(self) -> str:
        """Return the participant id."""
        ...

    @property
    def role(self) -> Role | None:
        """Return the role, if it matters."""
        ...


class Author(NamedTuple):
    """The author of a message, who may have left the conversation."""

    participant_id: str
    role: None = None


def require(action: Action, actor: Membership, target: Target | None = None, *, now: int = 0) -> None:
    """Check that a member may do something; without a target, that there are targets on which they may.

    `now` (milliseconds) decides whether a mute has expired. Without it, none has.

    Raises:
        Muted: the action is one that muted members may not do, and the actor is muted.
        Forbidden: the actor's role does not allow the action, or not on this target.
    """
    rule = RULES[action]
    scope: Scope = rule.service if actor.is_service else getattr(rule, actor.role)
    if scope is not Scope.NONE and rule.unless_muted and actor.muted_until > now:
        raise Muted(retry_after=(actor.muted_until - now) / 1000)
    if not _covers(scope, actor, target):
        raise Forbidden(rule.refusal)


def allows(action: Action, actor: Membership, target: Target | None = None, *, now: int = 0) -> bool:
    """Return whether `require` raises no error."""
    try:
        require(action, actor, target, now=now)
    except (Forbidden, Muted):
        return False
    return True


def _covers(scope: Scope, actor: Membership, target: Target | None) -> bool:
    if scope is Scope.NONE or target is None:
        return scope is not Scope.NONE
    match scope:
        case Scope.OWN:
            return target.participant_id == actor.participant_id
        case Scope.OTHERS:
            return target.participant_id != actor.participant_id
        case Scope.MEMBERS:
            return target.role not in ("owner", "moderator")
        case Scope.NOT_OWNERS:
            return target.role != "owner"
        case _:
            return True


def require_group(head: Head) -> None:
    """Require that a conversation is not a direct one, for changes that its two members have no role for.

    Raises Forbidden; services receive it, whose rights do not depend on a role.
    """
    if head.direct:
        raise Forbidden("A direct conversation keeps its two participants, their roles, and has no title.")


def successors(members: Sequence[Membership], now: int) -> list[Membership]:
    """Return the remaining members in the order in which they become owner when the last owner leaves.

    `members` are by seniority. Moderators come before other members, and among each of these the muted ones last.
    """
    return sorted(members, key=lambda member: (member.role != "moderator", member.muted_until > now))


def can_succeed(member: Membership) -> bool:
    """Return whether a member may become owner by succession: an agent never does, nor a suspended member."""
    return member.type != "agent"


def without_expired_mute(member: Membership, now: int) -> Membership:
    """Return the member without a mute that has expired at `now` (milliseconds)."""
    return replace(member, muted_until=0) if 0 < member.muted_until <= now else member
