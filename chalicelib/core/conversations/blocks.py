"""Blocks: a participant decides by whom they are not added to conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.pending import PendingMemberships
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ErasureRunning, ValidationFailed
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.consent import Block
from chalicelib.core.ports.consent import BlockStore

if TYPE_CHECKING:
    from chalicelib.core.protocol import objects
    from chalicelib.core.protocol.queries import PageQuery


class Blocks:
    """Sets, lifts and lists the blocks of a caller. The blocked participant learns nothing of it."""

    def __init__(
        self,
        *,
        blocks: BlockStore,
        pending: PendingMemberships,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
    ) -> None:
        self._blocks = blocks
        self._pending = pending
        self._change_limiter = change_limiter
        self._runtime = runtime

    def block(self, caller: Principal, participant_id: str) -> None:
        """Block a participant, who need not exist. No-op if they are blocked.

        Raises:
            ValidationFailed, ErasureRunning, RateLimited, ConversationBusy: nothing was changed.
        """
        if participant_id == caller.participant_id:
            raise ValidationFailed.at("participant_id", "must be another participant: you cannot block yourself")
        self._change_limiter.charge_outside_conversations(caller)
        block = Block(caller.participant_id, participant_id, milliseconds(self._runtime.clock))
        if not retry_on_conflict(self._runtime, lambda: self._blocks.block(block)):
            raise ErasureRunning
        # No further one can become visible: each is saved on the condition that the standing is as read.
        self._pending.hide_all_by(caller.participant_id, participant_id)

    def unblock(self, caller: Principal, participant_id: str) -> None:
        """Lift a block. No-op if there is none. It does not bring back what the block has hidden.

        Raises:
            RateLimited, ConversationBusy: nothing was changed.
        """
        self._change_limiter.charge_outside_conversations(caller)
        if self._blocks.is_blocked(caller.participant_id, participant_id):
            # A crash may have interrupted the block.
            self._pending.hide_all_by(caller.participant_id, participant_id)
        retry_on_conflict(self._runtime, lambda: self._blocks.unblock(caller.participant_id, participant_id))

    def list(self, caller: Principal, query: PageQuery) -> dict[str, Any]:
        """Return a page of the caller's blocks. Raises ValidationFailed."""
        after = paging.start_key(query.cursor)
        blocks, next_key = self._blocks.blocks(caller.participant_id, after, query.limit)
        return paging.page("blocks", [block_view(block) for block in blocks], next_key)


def block_view(block: Block) -> objects.Block:
    """Return a block, as the blocker sees it."""
    return {"participant_id": block.participant_id, "blocked_at": rfc3339(block.blocked_at)}
