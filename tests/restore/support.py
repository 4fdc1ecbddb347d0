"""A chat, a snapshot of its data, and the chat that continues on the restored table after the replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import Key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.bootstrap import build
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.core.protocol.requests import UpdateParticipant
from chalicelib.settings import Settings
from infra.restore.replay import Losses, Replay, copy_revocations, count_losses
from infra.restore.side import Side
from local.faults.engine import MemoryEngine
from tests.support.app_harness import ENVIRONMENT, AppHarness, principal

OLD, OLD_CONNECTIONS = ENVIRONMENT["CHAT_CONVERSATIONS_TABLE"], ENVIRONMENT["CHAT_CONNECTIONS_TABLE"]
RESTORED, NEW_CONNECTIONS = "restored", "new-connections"


class RestoreHarness(AppHarness):
    """An application on its tables, with two empty tables beside them to restore it to."""

    def __init__(self, *, publishing: PublishingPorts | None = None, **settings: str) -> None:
        self._settings = {"CHAT_TIME_ERASURE_GRACE": "0", **settings}
        self._publishing = publishing
        super().__init__(
            self._settings,
            engine=lambda *tables: MemoryEngine(*tables, RESTORED, NEW_CONNECTIONS),
            publishing=publishing,
        )

    # ---- the restore -----------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Copy the conversations as point-in-time recovery would, and let time pass."""
        for item in self.store.items(OLD):
            self.store.put_item(TableName=RESTORED, Item=item)
        self.clock.advance(10)

    def sides(self) -> tuple[Side, Side]:
        """Return the old and the restored table."""
        dynamo = Dynamo(self.store, self.clock)
        return Side(dynamo, OLD, lambda: self._keys(OLD)), Side(dynamo, RESTORED, lambda: self._keys(RESTORED))

    def replay(self) -> None:
        """Replay, as a fenced stage: the application on the restored table is used by nothing else."""
        dynamo = Dynamo(self.store, self.clock)
        old, new = Table(dynamo, OLD_CONNECTIONS), Table(dynamo, NEW_CONNECTIONS)
        copy_revocations(old, lambda: self._keys(OLD_CONNECTIONS), new)
        Replay(self._application(), *self.sides()).run()
        copy_revocations(old, lambda: self._keys(OLD_CONNECTIONS), new)

    def restore(self) -> None:
        """Replay, and continue on the new tables in a new history."""
        self.replay()
        self.chat = self._application()

    def losses(self) -> Losses:
        """Count the losses."""
        return count_losses(*self.sides())

    def rows(self, table: str = RESTORED) -> dict[Key, Any]:
        """Return all rows of a table by key."""
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in self.store.items(table)}

    def _application(self) -> Any:
        names = {
            "CHAT_CONVERSATIONS_TABLE": RESTORED,
            "CHAT_CONNECTIONS_TABLE": NEW_CONNECTIONS,
            "CHAT_HISTORY_ID": f"1.{RESTORED}",
        }
        return build(
            Settings.from_environment({**ENVIRONMENT, **self._settings, **names}),
            dynamo_client=self.store,
            poster=self.poster,
            clock=self.clock,
            gather=self.gather,
            observer=self.observer,
            publishing=self._publishing,
        )

    def _keys(self, table: str) -> Iterator[Key]:
        return iter(self.rows(table))

    # ---- shortcuts -------------------------------------------------------------------------------------

    def update(self, owner: str, conversation_id: str, participant_id: str, **changes: Any) -> None:
        """Change the role or the mute of a member."""
        request = UpdateParticipant(**changes)
        self.chat.conversations.moderation.update(principal(owner), conversation_id, participant_id, request)

    def is_member(self, conversation_id: str, participant_id: str) -> bool:
        """Return whether a participant is a member, and check that both rows of the membership agree."""
        member = self.chat.stores.memberships.membership(conversation_id, participant_id)
        roster = {entry.participant_id for entry in self.chat.stores.memberships.roster(conversation_id)}
        assert (member is not None) == (participant_id in roster)
        return member is not None

    def check_log(self, conversation_id: str) -> None:
        """Check that the restored log is contiguous, and that its head counts the members."""
        head = self.head(conversation_id)
        assert [event["sequence_id"] for event in self.events(conversation_id)] == [
            *range(1, head.sequence_id + 1)
        ]
        assert head.participant_count == len(self.chat.stores.memberships.roster(conversation_id))
