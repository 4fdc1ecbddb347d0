"""Pending memberships: listed, declined, hidden and withdrawn. `membership.py` accepts them.

A decline and a block hide a pending membership from its participant. Its entry in the conversation stays until it
expires, so that neither can be recognized there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.consent import is_valid
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.consent import PendingMembership
from chalicelib.core.model.conversations import ConversationState, PastMembership
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.protocol import serializers

if TYPE_CHECKING:
    from chalicelib.core.protocol.queries import PageQuery

_HIDE_PAGE = 100


class PendingMemberships:
    """The pending memberships of a caller, and those of a conversation."""

    def __init__(
        self,
        *,
        pending: PendingStore,
        event_log: EventLogStore,
        access: Access,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
    ) -> None:
        self._pending = pending
        self._event_log = event_log
        self._access = access
        self._change_limiter = change_limiter
        self._runtime = runtime
        self._gather = runtime.gather

    # ---- of the caller ---------------------------------------------------------------------------------

    def list(self, caller: Principal, query: PageQuery) -> dict[str, Any]:
        """Return a page of the caller's pending memberships that can be accepted. Raises ValidationFailed."""
        after = paging.start_key(query.cursor)
        entries, next_key = self._pending.visible(caller.participant_id, after, query.limit)
        shown = [serializers.pending_membership(entry) for entry in self._acceptable(entries)]
        return paging.page("pending", shown, next_key) | {"conversations": []}

    def _acceptable(self, entries: Sequence[PendingMembership]) -> Sequence[PendingMembership]:
        """Return those in live conversations whose adders still have the right to add."""
        if not entries:
            return ()
        heads, adders = self._gather(
            lambda: self._event_log.heads(list({entry.conversation_id for entry in entries})),
            lambda: self._pending.adders(entries),
        )
        now = milliseconds(self._runtime.clock)
        return [
            entry
            for entry in entries
            if (head := heads.get(entry.conversation_id)) is not None
            and head.state is ConversationState.LIVE
            and is_valid(entry, adders.get((entry.conversation_id, entry.adder_id)), now)
        ]

    def first_valid(
        self, entries: Sequence[PendingMembership], past: PastMembership | None
    ) -> PendingMembership | None:
        """Return the newest pending membership that its participant can accept, as a former member or not.

        A participant who was removed cannot accept one from before the removal.
        """
        removed_at_event = 0 if past is None else past.removed_at_event
        entries = [entry for entry in entries if entry.at_head >= removed_at_event]
        adders = self._pending.adders(entries) if entries else {}
        now = milliseconds(self._runtime.clock)
        valid = [
            entry for entry in entries if is_valid(entry, adders.get((entry.conversation_id, entry.adder_id)), now)
        ]
        return max(valid, key=lambda entry: entry.added_at, default=None)

    def decline(self, caller: Principal, conversation_id: str) -> None:
        """Decline all pending memberships of the caller in a conversation. Raises NotFound, ConversationBusy."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        entries = self._pending.visible_in(conversation_id, caller.participant_id)
        if sum(map(self._hide, entries)) == 0:
            raise NotFound

    def hide_all_by(self, participant_id: str, adder_id: str) -> None:
        """Hide all pending memberships that one other participant has made. Raises ConversationBusy."""
        after: str | None = None
        while True:
            entries, after = self._pending.visible(participant_id, after, _HIDE_PAGE)
            for entry in entries:
                if entry.adder_id == adder_id:
                    self._hide(entry)
            if after is None:
                return

    def _hide(self, entry: PendingMembership) -> bool:
        return retry_on_conflict(self._runtime, lambda: self._pending.hide(entry))

    # ---- of a conversation -----------------------------------------------------------------------------

    def list_in(self, caller: Principal, conversation_id: str, query: PageQuery) -> dict[str, Any]:
        """Return a page of the pending memberships in a conversation. Raises NotFound, Forbidden."""
        self._access.require_permission(Action.LIST_PENDING, conversation_id, caller)
        after = paging.start_key(query.cursor)
        entries, next_key = self._pending.invited(conversation_id, after, query.limit)
        self._access.require_permission(Action.LIST_PENDING, conversation_id, caller)
        return paging.page("pending", [serializers.pending_participant(entry) for entry in entries], next_key)

    def withdraw(self, caller: Principal, conversation_id: str, participant_id: str) -> None:
        """Withdraw all pending memberships of a participant.

        Raises:
            NotFound: the caller is not a member, or there is none.
            Forbidden, RateLimited, ConversationBusy: not withdrawn.
        """
        self._change_limiter.charge(caller, conversation_id)
        backoff = new_backoff(self._runtime)
        withdrawn = 0
        while True:
            head, actor = self._access.require_permission(Action.WITHDRAW_PENDING, conversation_id, caller)
            permissions.require_group(head)
            entries = self._pending.invited_participant(conversation_id, participant_id)
            for entry in entries:
                permissions.require(Action.WITHDRAW_PENDING, actor, entry)
            if not entries and not withdrawn:
                raise NotFound
            withdraw = [functools.partial(self._pending.withdraw, entry, actor) for entry in entries]
            results = [retry_on_conflict(self._runtime, each) for each in withdraw]
            withdrawn += sum(results)
            if all(results):
                return
            backoff.wait()


def ending_pending(commit: Commit, pending: PendingStore, participant_id: str) -> Commit:
    """Return a commit that also ends all pending memberships of a participant in the conversation."""
    # The standing first: each later addition changes it.
    standing = pending.standing(participant_id)
    entries = pending.invited_participant(commit.new.conversation_id, participant_id)
    return replace(commit, obsolete=entries, obsolete_standing=standing)
