"""Blocks: a participant decides by whom they are not added to conversations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.pending import PendingMemberships
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import ErasureRunning, ValidationFailed
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.consent import Block
from chalicelib.core.model.directs import DirectLink
from chalicelib.core.ports.commits import PreconditionFailed
from chalicelib.core.ports.consent import BlockStore
from chalicelib.core.ports.directs import DirectStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.realtime.outbox import Push, Result
from chalicelib.core.realtime.presence import Presence

if TYPE_CHECKING:
    from chalicelib.core.protocol import objects
    from chalicelib.core.protocol.queries import PageQuery


class Blocks:
    """Sets, lifts and lists the blocks of a caller. The blocked participant learns nothing of it."""

    def __init__(
        self,
        *,
        blocks: BlockStore,
        directs: DirectStore,
        event_log: EventLogStore,
        presence: Presence,
        pending: PendingMemberships,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
    ) -> None:
        self._blocks = blocks
        self._directs = directs
        self._event_log = event_log
        self._presence = presence
        self._pending = pending
        self._change_limiter = change_limiter
        self._runtime = runtime

    def block(self, caller: Principal, participant_id: str) -> Result:
        """Block a participant, who need not exist. No-op if they are blocked.

        In a direct conversation, the caller looks offline to them from then on.

        Raises:
            ValidationFailed, ErasureRunning, RateLimited, ConversationBusy: nothing was changed.
        """
        if participant_id == caller.participant_id:
            raise ValidationFailed.at("participant_id", "must be another participant: you cannot block yourself")
        self._change_limiter.charge_outside_conversations(caller)
        block = Block(caller.participant_id, participant_id, milliseconds(self._runtime.clock))
        pushes = self._change(caller, participant_id, functools.partial(self._blocks.block, block), blocked=True)
        # No further one can become visible: each is saved on the condition that the standing is as read.
        self._pending.hide_all_by(caller.participant_id, participant_id)
        return Result(None, pushes)

    def unblock(self, caller: Principal, participant_id: str) -> Result:
        """Lift a block. No-op if there is none. It does not bring back what the block has hidden.

        Raises:
            RateLimited, ConversationBusy: nothing was changed.
        """
        self._change_limiter.charge_outside_conversations(caller)
        if self._blocks.is_blocked(caller.participant_id, participant_id):
            # A crash may have interrupted the block.
            self._pending.hide_all_by(caller.participant_id, participant_id)
        lift = functools.partial(self._blocks.unblock, caller.participant_id, participant_id)
        pushes = self._change(caller, participant_id, lift, blocked=False)
        return Result(None, pushes)

    def _change(
        self, caller: Principal, participant_id: str, write: Callable[[DirectLink | None], bool], *, blocked: bool
    ) -> Sequence[Push]:
        """Write a change together with that of the direct conversation; return the push of the caller's presence.

        Raises ErasureRunning, ConversationBusy.
        """
        backoff = new_backoff(self._runtime)
        while True:
            link = self._directs.link(caller.participant_id, participant_id)
            head = None if link is None else self._event_log.head(link.conversation_id)
            if link is not None and head is None:
                link = link._replace(has_ended=True)
            try:
                if retry_on_conflict(self._runtime, functools.partial(write, link)):
                    break
            except PreconditionFailed:
                raise ErasureRunning from None
            backoff.wait()
        if head is None or (caller.participant_id in head.blockers) == blocked:
            return []
        visible = replace(head, blockers=head.blockers - {caller.participant_id})
        is_online = caller.participant_id in self._presence.online(visible)
        return [self._presence.push(visible, caller.as_actor(), online=not blocked)] if is_online else []

    def list(self, caller: Principal, query: PageQuery) -> dict[str, Any]:
        """Return a page of the caller's blocks. Raises ValidationFailed."""
        after = paging.start_key(query.cursor)
        blocks, next_key = self._blocks.blocks(caller.participant_id, after, query.limit)
        return paging.page("blocks", [block_view(block) for block in blocks], next_key)


def block_view(block: Block) -> objects.Block:
    """Return a block, as the blocker sees it."""
    return {"participant_id": block.participant_id, "blocked_at": rfc3339(block.blocked_at)}
