"""The table of permissions: `require` applies it, and the end-to-end matrix agrees with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.conversations.permissions import (
    RULES,
    Action,
    Author,
    Scope,
    Target,
    require,
    without_expired_mute,
)
from chalicelib.core.kernel.errors import ChatError, Forbidden, Muted
from chalicelib.core.model.actors import Role
from chalicelib.core.model.conversations import Membership
from tests.e2e.permission_matrix import INSIDE, OUTSIDE, SERVICE_TABLE, TABLE, Act

NOW = 1_000_000
NOT_FOUND = ("404", "NOT_FOUND")


def member(name: str, role: Role = "member", muted_until: int = 0) -> Membership:
    return Membership("conv", name, name, "human", role, 0, 1, 1, 0, muted_until)


ACTORS = {
    "member": member("member"),
    "muted": member("muted", muted_until=NOW + 5_000),
    "moderator": member("moderator", "moderator"),
    "owner": member("owner", "owner"),
}
A_MEMBER, A_MODERATOR, AN_OWNER = member("bob"), member("bob", "moderator"), member("bob", "owner")
OUTSIDER = Author("carol")
OF_THE_MEMBER = Author("member")

ROWS: dict[str, tuple[Action, Target | None]] = {
    "see it": (Action.READ, None),
    "read history": (Action.READ, None),
    "read the log": (Action.READ, None),
    "list the reactions": (Action.READ, None),
    "mark as read": (Action.READ, None),
    "pin it": (Action.READ, None),
    "subscribe": (Action.READ, None),
    "subscribe after": (Action.READ, None),
    "sync": (Action.READ, None),
    "read": (Action.READ, None),
    "send": (Action.SEND_MESSAGE, None),
    "say something": (Action.SEND_MESSAGE, None),
    "edit the member's": (Action.EDIT_MESSAGE, OF_THE_MEMBER),
    "edit by socket": (Action.EDIT_MESSAGE, OF_THE_MEMBER),
    "delete the member's": (Action.DELETE_MESSAGE, OF_THE_MEMBER),
    "delete by socket": (Action.DELETE_MESSAGE, OF_THE_MEMBER),
    "react": (Action.REACT, None),
    "take a reaction back": (Action.REACT, None),
    "remove another's reaction": (Action.REMOVE_REACTION, None),
    "react by socket": (Action.REACT, None),
    "unreact by socket": (Action.REACT, None),
    "show typing": (Action.SHOW_TYPING, None),
    "change the title": (Action.UPDATE_CONVERSATION, None),
    "change nothing": (Action.UPDATE_CONVERSATION, None),
    "delete it": (Action.DELETE_CONVERSATION, None),
    "leave": (Action.LEAVE, None),
    "leave by removal": (Action.LEAVE, None),
    "add a member": (Action.ADD_PARTICIPANT, A_MEMBER),
    "add a moderator": (Action.ADD_PARTICIPANT, A_MODERATOR),
    "add an owner": (Action.ADD_PARTICIPANT, AN_OWNER),
    "add a banned user": (Action.ADD_PARTICIPANT, A_MEMBER),
    "add a participant": (Action.ADD_PARTICIPANT, A_MEMBER),
    "remove a member": (Action.REMOVE_PARTICIPANT, A_MEMBER),
    "remove a moderator": (Action.REMOVE_PARTICIPANT, A_MODERATOR),
    "remove an owner": (Action.REMOVE_PARTICIPANT, AN_OWNER),
    "remove nobody": (Action.REMOVE_PARTICIPANT, None),
    "ban a member": (Action.BAN, A_MEMBER),
    "ban a moderator": (Action.BAN, A_MODERATOR),
    "ban an owner": (Action.BAN, AN_OWNER),
    "ban a stranger": (Action.BAN, OUTSIDER),
    "ban a banned user": (Action.BAN, OUTSIDER),
    "ban the caller": (Action.BAN, None),
    "see the bans": (Action.LIST_BANS, None),
    "lift a ban": (Action.UNBAN, None),
    "lift no ban": (Action.UNBAN, None),
    "promote a member": (Action.CHANGE_ROLE, A_MEMBER),
    "promote the caller": (Action.CHANGE_ROLE, None),
    "demote an owner": (Action.CHANGE_ROLE, AN_OWNER),
    "promote nobody": (Action.CHANGE_ROLE, None),
    "mute a member": (Action.MUTE, A_MEMBER),
    "mute a moderator": (Action.MUTE, A_MODERATOR),
    "mute an owner": (Action.MUTE, AN_OWNER),
    "mute nobody": (Action.MUTE, None),
    "unmute a muted member": (Action.MUTE, A_MEMBER),
    "invite": (Action.MANAGE_INVITES, None),
    "see the invites": (Action.MANAGE_INVITES, None),
    "revoke an invite": (Action.MANAGE_INVITES, None),
    "read the audit": (Action.READ_AUDIT, None),
    "report the member's": (Action.REPORT, OF_THE_MEMBER),
    "see the reports": (Action.HANDLE_REPORTS, None),
    "close a report": (Action.HANDLE_REPORTS, None),
    "see pending memberships": (Action.LIST_PENDING, None),
    "withdraw a pending member": (Action.WITHDRAW_PENDING, A_MEMBER),
    "withdraw a pending moderator": (Action.WITHDRAW_PENDING, A_MODERATOR),
    "withdraw nobody": (Action.WITHDRAW_PENDING, None),
}
ROWS |= {
    "batch: message": ROWS["send"],
    "batch: edit": ROWS["edit the member's"],
    "batch: delete": ROWS["delete the member's"],
    "batch: react": ROWS["react"],
    "batch: unreact": ROWS["take a reaction back"],
    "batch: read": ROWS["mark as read"],
}
"""Rows of the end-to-end matrix that are about a member's permission, with whom they concern."""
JOINING = {"join", "join what is open", "join by an invite", "join by no invite"}
OF_OUTSIDERS = {Action.JOIN, Action.ANSWER_PENDING}
NO_PERMISSION_NEEDED = {"unsubscribe", "hello", "ping", "renew the token"}
NOT_IN_THE_MATRIX = {Action.SET_RETENTION}
"""`tests/invariants/test_retention.py` tests it."""


def outcome(action: Action, actor: Membership, target: Target | None) -> str:
    try:
        require(action, actor, target, now=NOW)
    except ChatError as error:
        return error.code
    return "allowed"


def expected(answer: str) -> str:
    """Return the result of the permission check that an answer of the matrix implies; other errors follow it."""
    if answer in ("403", "FORBIDDEN"):
        return "FORBIDDEN"
    return "MUTED" if answer in ("403:MUTED", "MUTED") else "allowed"


@pytest.mark.parametrize("act", [act for act in TABLE if act.name in ROWS], ids=str)
def test_end_to_end_matrix_agrees_with_the_rules(act: Act) -> None:
    action, target = ROWS[act.name]
    for role in INSIDE:
        assert outcome(action, ACTORS[role], target) == expected(act.answers[role]), role
    assert {act.answers[role] for role in OUTSIDE} <= set(NOT_FOUND)


def test_every_row_about_a_conversation_is_compared_with_the_rules() -> None:
    of_services = {act for act, _, _ in SERVICE_TABLE}
    about_a_conversation = {
        act.name for act in TABLE if (act.is_command or "{chat}" in act.does) and act.does not in of_services
    }
    assert about_a_conversation == ROWS.keys() | JOINING | NO_PERMISSION_NEEDED


A_SERVICE = replace(member("system", "owner"), is_service=True)


def test_rights_of_a_service_are_those_of_its_column() -> None:
    """It acts on members of any role, but mutes no owner, and edits no messages, not even its own."""
    for action, rule in RULES.items():
        for target in (A_MEMBER, A_MODERATOR, AN_OWNER):
            may = rule.service is Scope.ALL or (rule.service is Scope.NOT_OWNERS and target is not AN_OWNER)
            assert (outcome(action, A_SERVICE, target) == "allowed") == may, action
    assert outcome(Action.EDIT_MESSAGE, A_SERVICE, Author("system")) == "FORBIDDEN"
    assert outcome(Action.DELETE_MESSAGE, A_SERVICE, Author("system")) == "allowed"


def test_every_action_has_a_rule_and_a_row() -> None:
    assert RULES.keys() == set(Action)
    assert {action for action, _ in ROWS.values()} | NOT_IN_THE_MATRIX | OF_OUTSIDERS == set(Action)


def test_only_outsiders_join_and_nothing_else_is_open_to_them() -> None:
    assert {action for action, rule in RULES.items() if rule.others is not Scope.NONE} == OF_OUTSIDERS
    for actor in ACTORS.values():
        assert {outcome(action, actor, None) for action in OF_OUTSIDERS} == {"FORBIDDEN"}


def test_retention_is_changed_by_owners_alone() -> None:
    allowed = [name for name, actor in ACTORS.items() if outcome(Action.SET_RETENTION, actor, None) == "allowed"]
    assert allowed == ["owner"]


def test_refusal_says_who_may_edit_a_message() -> None:
    with pytest.raises(Forbidden) as refused:
        require(Action.EDIT_MESSAGE, ACTORS["owner"], OF_THE_MEMBER, now=NOW)
    assert refused.value.message == "Only its author can edit a message."
    with pytest.raises(Forbidden) as refused:
        require(Action.READ_AUDIT, ACTORS["moderator"])
    assert refused.value.message == Forbidden.default_message


def test_mute_is_told_with_the_seconds_that_are_left_and_ends_by_itself() -> None:
    muted = ACTORS["muted"]
    with pytest.raises(Muted) as refused:
        require(Action.SEND_MESSAGE, muted, now=NOW)
    assert refused.value.retry_after == 5.0
    require(Action.SEND_MESSAGE, muted, now=muted.muted_until)
    with pytest.raises(Muted):
        require(Action.SEND_MESSAGE, muted)


def test_expired_mute_is_removed_and_a_present_one_stays() -> None:
    muted = ACTORS["muted"]
    assert without_expired_mute(muted, NOW) == muted
    assert without_expired_mute(muted, muted.muted_until) == replace(muted, muted_until=0)
    assert without_expired_mute(ACTORS["member"], NOW) == ACTORS["member"]
