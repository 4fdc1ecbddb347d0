"""Appending to a log.

Every append is one transaction that moves the head from n to n + k on the condition that it is still at n,
together with the events n + 1 … n + k and everything that they imply. So the log is contiguous at every moment
and its head is exact (L3), and an append is based on a known state: if the commit succeeds, everything that its
plan read after the head, and that only appends can change, still holds.

Of two concurrent appends one fails: it gets the new head, or only learns of the conflict, and is planned again.
(For messages, `messaging/group_commit.py` avoids that many senders retry at the same time.)
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.ports.commits import Commit, HeadConflict, PreconditionFailed, WriteConflict
from chalicelib.core.ports.event_log import EventLogStore


class NoChange(Exception):
    """Raised by a plan that has nothing to append: at `head`, the log is already as requested."""

    def __init__(self, head: Head, sequence_id: int | None = None) -> None:
        """`sequence_id` is that of the event that made it so, if there is one."""
        super().__init__("the log is already as requested")
        self.head = head
        self.sequence_id = sequence_id


class StaleRead(Exception):
    """Raised by a plan if something has changed that its caller read before the head."""


class Log:
    """Appends to logs of live conversations."""

    def __init__(self, *, event_log: EventLogStore, runtime: Runtime) -> None:
        self._event_log = event_log
        self._runtime = runtime

    def get_live_head(self, conversation_id: str) -> Head:
        """Return the head of a live conversation. Raises NotFound."""
        if not is_conversation_id(conversation_id):
            raise NotFound
        return self.require_live(self._event_log.head(conversation_id))

    def require_live(self, head: Head | None) -> Head:
        """Return `head` if its conversation is live, after completing an interrupted creation. Raises NotFound."""
        if head is None or head.state is not ConversationState.LIVE:
            raise NotFound
        if head.is_provisional:
            self.finalize_creation(head.conversation_id)
        return head

    def finalize_creation(self, conversation_id: str) -> None:
        """Complete a creation in several steps. Raises ConversationBusy."""
        retry_on_conflict(self._runtime, lambda: self._event_log.finalize_creation(conversation_id))

    def append(
        self,
        conversation_id: str,
        plan: Callable[[Head], Commit],
        head: Head | None = None,
    ) -> Commit:
        """Commit what `plan` makes of the head; after a conflict, plan again on the new head.

        `plan` must read its preconditions each time it is called. Its errors end the append, except HeadConflict,
        which it raises if it read something that is newer than the head, and WriteConflict, if something that is
        older. `head` saves the first read.

        Raises:
            NotFound: the conversation is not live.
            ConversationBusy: it conflicted with other appends until the deadline; nothing was written.
            PreconditionFailed: a participant is being erased or suspended, or has too many conversations; nothing
                was written.
        """
        backoff = new_backoff(self._runtime)
        while True:
            if head is None:
                head = self.get_live_head(conversation_id)
            try:
                commit = plan(head)
                self._event_log.commit(commit)
                return commit
            except HeadConflict as conflict:
                head = self.require_live(conflict.current)
                backoff.raise_if_expired()
            except (WriteConflict, PreconditionFailed) as failed:
                if isinstance(failed, PreconditionFailed) and (
                    failed.erasing or failed.at_cap or failed.is_suspended
                ):
                    raise
                head = None
                backoff.wait()
