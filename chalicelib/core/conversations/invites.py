"""Invites: links with which anyone can join, for a limited time and a limited number of times.

Only a digest of the secret is stored, so neither the store nor a list of invites lets anyone in. Creating,
revoking and the expiry of an invite append no event: the commit of a join has the invite as a precondition
(`Commit.invite`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.ids import invite_id, is_invite, is_invite_id, new_invite
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.moderation import AuditEntry, Invite
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import serializers

if TYPE_CHECKING:
    from chalicelib.core.protocol.queries import PageQuery
    from chalicelib.core.protocol.requests import CreateInvite


class Invites:
    """Creates, lists and revokes invites; `membership.py` uses them."""

    def __init__(self, *, moderation: ModerationStore, access: Access, runtime: Runtime) -> None:
        self._moderation = moderation
        self._access = access
        self._runtime = runtime
        self._clock = runtime.clock

    def create(self, caller: Principal, conversation_id: str, request: CreateInvite) -> dict[str, Any]:
        """Create an invite and return it with its secret, which is not returned again.

        Raises:
            NotFound, Forbidden, ConversationBusy: there is no invite.
        """
        secret = new_invite()

        def write(head: Head, actor: Membership) -> Invite | None:
            permissions.require_group(head)
            now = milliseconds(self._clock)
            invite = Invite(
                conversation_id,
                invite_id(secret),
                created_by=actor.participant_id,
                created_at=now,
                expires_at=now // 1000 + request.expires_in,
                max_uses=request.max_uses,
                uses=0,
                created_at_head=head.sequence_id,
            )
            entry = AuditEntry(
                "invite_created", actor.participant_id, invite_id=invite.invite_id, service=caller.service
            )
            is_saved = self._moderation.save_invite(invite, actor, head, entry)
            return invite if is_saved else None

        return {"invite": secret, **serializers.invite(self._write(caller, conversation_id, write))}

    def revoke(self, caller: Principal, conversation_id: str, secret_or_id: str) -> None:
        """Revoke an invite.

        Raises:
            NotFound: the caller is not a member, or there is no such invite.
            Forbidden, ConversationBusy: it was not revoked.
        """
        revoked_id = invite_id(secret_or_id) if is_invite(secret_or_id) else secret_or_id

        def write(head: Head, actor: Membership) -> Invite | None:
            invite = self._moderation.invite(conversation_id, revoked_id) if is_invite_id(revoked_id) else None
            if invite is None:
                raise NotFound
            entry = AuditEntry(
                "invite_revoked", actor.participant_id, invite_id=revoked_id, service=caller.service
            )
            is_revoked = self._moderation.revoke_invite(invite, actor, head, entry, milliseconds(self._clock))
            return invite if is_revoked else None

        self._write(caller, conversation_id, write)

    def _write(
        self, caller: Principal, conversation_id: str, write: Callable[[Head, Membership], Invite | None]
    ) -> Invite:
        """Return the result of `write`, repeated while the head or the actor's membership changes.

        Raises:
            NotFound, Forbidden, ConversationBusy: nothing was written.
        """
        backoff = new_backoff(self._runtime)
        while True:
            head, actor = self._access.require_permission(Action.MANAGE_INVITES, conversation_id, caller)
            written = retry_on_conflict(self._runtime, functools.partial(write, head, actor))
            if written is not None:
                return written
            backoff.wait()

    def list(self, caller: Principal, conversation_id: str, query: PageQuery) -> dict[str, Any]:
        """Return a page of the invites that have not expired, without secrets. Raises NotFound, Forbidden."""
        self._access.require_permission(Action.MANAGE_INVITES, conversation_id, caller)
        after = paging.start_key(query.cursor)
        invites, next_key = self._moderation.invites(conversation_id, after, query.limit)
        self._access.require_permission(Action.MANAGE_INVITES, conversation_id, caller)
        return paging.page("invites", [serializers.listed_invite(invite) for invite in invites], next_key)
