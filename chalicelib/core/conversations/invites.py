"""Invites: links by which whoever has them may join, for a while and so many times.

Only a digest of the secret is kept, so neither the store nor a list of the invites lets anybody in. Making one,
revoking it and its expiry are no events: the join that uses it has a condition for that (`Commit.invite`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.conversations import MODERATORS, Conversations
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import Forbidden, NotFound
from chalicelib.core.kernel.ids import invite_id, is_invite, is_invite_id, new_invite
from chalicelib.core.log.log import Log
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.moderation import AuditEntry, Invite
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import frames

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import CreateInvite, PageQuery


class Invites:
    """Making, listing and revoking invites; owners and moderators may. Joining by one is in `members.py`."""

    def __init__(self, store: ModerationStore, conversations: Conversations, log: Log, clock: Clock) -> None:
        self._store = store
        self._conversations = conversations
        self._log = log
        self._clock = clock

    def create(self, caller: Principal, conversation_id: str, request: CreateInvite) -> dict[str, Any]:
        """A new invite; its secret is told here and never again."""
        secret = new_invite()

        def write(head: Head, actor: Membership) -> Invite | None:
            now = milliseconds(self._clock)
            invite = Invite(
                conversation_id,
                invite_id(secret),
                created_by=actor.participant_id,
                created_at=now,
                expires_at=now // 1000 + request.expires_in,
                max_uses=request.max_uses,
                uses=0,
            )
            entry = AuditEntry("invite_created", actor.participant_id, invite_id=invite.invite_id)
            kept = self._store.save_invite(invite, actor, head.sequence_id, entry)
            return invite if kept else None

        return {"invite": secret, **frames.invite(self._retry_on_conflict(caller, conversation_id, write))}

    def revoke(self, caller: Principal, conversation_id: str, which: str) -> None:
        """End an invite, named by its secret or its id. Raises NotFound if there is none (any more)."""

        def write(head: Head, actor: Membership) -> Invite | None:
            named = invite_id(which) if is_invite(which) else which
            invite = self._store.invite(conversation_id, named) if is_invite_id(named) else None
            if invite is None:
                raise NotFound
            entry = AuditEntry("invite_revoked", actor.participant_id, invite_id=named)
            # Entries at one head stand in the order of time, and clocks differ: it was made before it is revoked.
            now = max(milliseconds(self._clock), invite.created_at + 1)
            gone = self._store.revoke_invite(invite, actor, head.sequence_id, entry, now)
            return invite if gone else None

        self._retry_on_conflict(caller, conversation_id, write)

    def _retry_on_conflict(
        self, caller: Principal, conversation_id: str, write: Callable[[Head, Membership], Invite | None]
    ) -> Invite:
        """`write`, again as long as what it was based on has changed. Raises ConversationBusy."""
        patience = self._log.new_backoff()
        while True:
            head, actor = self._moderator(caller, conversation_id)
            written = self._log.retry_on_conflict(lambda head=head, actor=actor: write(head, actor))  # type: ignore[misc]
            if written is not None:
                return written
            patience.wait()

    def _moderator(self, caller: Principal, conversation_id: str) -> tuple[Head, Membership]:
        head, actor = self._conversations.require_member_and_head(conversation_id, caller)
        if actor.role not in MODERATORS:
            raise Forbidden
        return head, actor

    def list(self, caller: Principal, conversation_id: str, query: PageQuery) -> dict[str, Any]:
        """The invites that have not expired, without their secrets, a page at a time."""
        self._moderator(caller, conversation_id)
        after = paging.start_key(query.cursor)
        invites, following = self._store.invites(conversation_id, after, query.limit)
        # Last of all: that they are still the caller's to see.
        self._moderator(caller, conversation_id)
        return paging.page("invites", [frames.listed_invite(each) for each in invites], following)
