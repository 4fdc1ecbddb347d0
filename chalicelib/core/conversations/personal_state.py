"""The state of a conversation for one member alone: archived, pinned, without notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.conversations.access import Access
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol import serializers
from chalicelib.core.protocol.frames import personal_state_push
from chalicelib.core.realtime.outbox import Result, ToParticipants

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import UpdatePersonalState


class PersonalStates:
    """Changes the state of conversations for their members."""

    def __init__(self, *, memberships: MembershipStore, access: Access, runtime: Runtime) -> None:
        self._memberships = memberships
        self._access = access
        self._runtime = runtime

    def update(self, caller: Principal, conversation_id: str, request: UpdatePersonalState) -> Result:
        """Change the caller's state of a conversation, and push it to the caller's connections.

        Raises NotFound, ConversationBusy.
        """
        requested: dict[str, bool] = request.model_dump(exclude_unset=True)
        _, member = self._access.require_member_and_head(conversation_id, caller)
        changes = {name: value for name, value in requested.items() if getattr(member, name) != value}
        if not changes:
            return Result(serializers.personal_state(member))
        if not retry_on_conflict(self._runtime, lambda: self._memberships.set_personal_state(member, changes)):
            raise NotFound
        present = self._access.require_member(conversation_id, caller)
        push = ToParticipants([caller.participant_id], personal_state_push(present))
        return Result(serializers.personal_state(present), [push])
