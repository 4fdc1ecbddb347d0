"""Access to a conversation: members only; for outsiders it is as if it did not exist (L7).

A read checks the membership last, after everything that it returns was read, so that all of it was the member's
to see, even if a removal happens in between.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.errors import ChatError, NotFound
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.kernel.text import SYSTEM_ID
from chalicelib.core.log.appending import Log, NoChange
from chalicelib.core.model.actors import SYSTEM_NAME, Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore


class Access:
    """Checks that callers are members."""

    def __init__(
        self, *, event_log: EventLogStore, memberships: MembershipStore, log: Log, runtime: Runtime
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._log = log
        self._gather = runtime.gather

    def require_member(self, conversation_id: str, caller: Principal) -> Membership:
        """Return the caller's membership. Raises NotFound."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        member = membership_of(self._memberships, conversation_id, caller)
        if member is None:
            raise NotFound
        return member

    def require_member_and_head(self, conversation_id: str, caller: Principal) -> tuple[Head, Membership]:
        """Return the head of a live conversation and the caller's membership. Raises NotFound."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        head, member = self._gather(
            lambda: self._event_log.head(conversation_id),
            lambda: membership_of(self._memberships, conversation_id, caller),
        )
        if member is None:
            raise NotFound
        return self._log.require_live(head), member

    def require_permission(
        self, action: Action, conversation_id: str, caller: Principal
    ) -> tuple[Head, Membership]:
        """Return the same, if the caller's role allows an action. Raises NotFound, Forbidden."""
        head, member = self.require_member_and_head(conversation_id, caller)
        permissions.require(action, member)
        return head, member

    def hiding_errors_from_outsiders(
        self, conversation_id: str, caller: Principal, plan: Callable[[Head], Commit]
    ) -> Callable[[Head], Commit]:
        """Return a plan that raises NotFound in place of its errors if the caller is no longer a member.

        They would reveal the state of a conversation that the caller may no longer see.
        """

        def plan_for_members(head: Head) -> Commit:
            try:
                return plan(head)
            except (ChatError, NoChange):
                self.require_member(conversation_id, caller)
                raise

        return plan_for_members


def membership_of(memberships: MembershipStore, conversation_id: str, caller: Principal) -> Membership | None:
    """Return the caller's membership, None for an outsider. A service gets one that stands for its rights."""
    if caller.is_system:
        return Membership(conversation_id, SYSTEM_ID, SYSTEM_NAME, "agent", "owner", 0, 0, 0, 0, is_service=True)
    return memberships.membership(conversation_id, caller.participant_id)
