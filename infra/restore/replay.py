"""Replay of all changes that a restore must not undo, from the old conversations table to the restored one.

The stage is fenced: nothing else writes to either table. Every step compares both tables and changes the restored
one only where it is less strict, so the replay can be interrupted anywhere and repeated. Members leave, messages
are deleted and contents expire by the appends of the application, so the restored log keeps its laws.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.aws.dynamodb.append_steps import put_purge_op
from chalicelib.aws.dynamodb.connection_keys import REVOCATION_PREFIX, REVOKED
from chalicelib.aws.dynamodb.deployment_log import queue_op
from chalicelib.aws.dynamodb.erasure import DynamoErasures
from chalicelib.aws.dynamodb.erasure_items import job_from_item, job_to_item
from chalicelib.aws.dynamodb.keys import PARTICIPANT_PREFIX, QUEUE_PREFIX, head_key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.work_keys import ERASURE_PREFIX, erasure_key
from chalicelib.bootstrap import Application
from chalicelib.core.model.conversations import ConversationState
from chalicelib.core.model.privacy import ErasureJob, erasure_id
from infra.restore.consent import ConsentReplay
from infra.restore.contents import ContentReplay
from infra.restore.members import MemberReplay
from infra.restore.publishing import PublishingReplay
from infra.restore.rows import CONNECTIONS, require_known
from infra.restore.side import ReadKeys, Side

_STEP_SECONDS = 60.0


class Losses(NamedTuple):
    """The losses of a restore."""

    conversations: int
    """Conversations that were created since."""
    messages: int
    """Messages that were sent since, in conversations that existed."""
    events: int
    """All events since, messages included."""


def count_losses(old: Side, new: Side) -> Losses:
    """Count the events that the restored table lacks. Raises InfraError for a row of an unknown kind."""
    old.partitions(), new.partitions()
    created = messages = events = 0
    for conversation_id in old.conversations():
        before, after = old.head(conversation_id), new.head(conversation_id)
        if before is None or before.state is not ConversationState.LIVE:
            continue
        if after is None:
            created += 1
        else:
            messages += max(before.message_count - after.message_count, 0)
            events += max(before.sequence_id - after.sequence_id, 0)
    return Losses(created, messages, events)


class Replay:
    """Applies the old table to the restored one, on which `app` is built."""

    def __init__(self, app: Application, old: Side, new: Side) -> None:
        self._app, self._old, self._new = app, old, new
        self._erasures = DynamoErasures(new.dynamo, new.table.name)
        self._consent = ConsentReplay(old, new)
        self._members = MemberReplay(app, old, new)
        self._contents = ContentReplay(app, old, new)
        self._publishing = PublishingReplay(old, new)

    def run(self) -> None:
        """Replay everything. Raises InfraError for a row of an unknown kind."""
        partitions, before = self._new.partitions(), self._old.partitions()
        for pk in partitions:
            if pk.startswith(QUEUE_PREFIX):
                rows = self._new.table.query(pk, include_expired=True)
                self._new.table.batch_delete([(item["pk"], item["sk"]) for item in rows])
        for pk in partitions:
            if pk.startswith(PARTICIPANT_PREFIX):
                self._erase(pk.removeprefix(PARTICIPANT_PREFIX))
        self._copy_finished_erasures(before)
        self._consent.run([*partitions, *before])
        for conversation_id in self._new.conversations():
            self._replay(conversation_id)
        self._publishing.run(before)

    # ---- conversations ---------------------------------------------------------------------------------

    def _replay(self, conversation_id: str) -> None:
        old, new = self._old.head(conversation_id), self._new.head(conversation_id)
        if new is None or new.state is not ConversationState.LIVE:
            return
        if old is None or old.state is ConversationState.DELETED:
            self._delete(conversation_id)
            return
        self._members.run(conversation_id)
        head = self._new.head(conversation_id)
        if head is not None and head.state is ConversationState.LIVE:
            self._contents.run(conversation_id)

    def _delete(self, conversation_id: str) -> None:
        """Delete a conversation, which the sweep then purges, and publish that again: the entry of it is lost."""
        deleted = ConversationState.DELETED.value
        table, dynamo = self._new.table, self._new.dynamo
        mark = table.update_op(*head_key(conversation_id), "SET #state = :deleted", deleted=deleted)
        operations = [mark, put_purge_op(table, conversation_id, dynamo.now)]
        if self._app.settings.events:
            fields: dict[str, str | int] = {"conversation_id": conversation_id}
            operations.append(queue_op(dynamo, table, "conversation_deleted", fields))
        dynamo.transact(operations)

    # ---- erasures --------------------------------------------------------------------------------------

    def _erase(self, participant_id: str) -> None:
        """Erase a participant who was erased since, completely: no content is visible for a moment."""
        job_id = erasure_id(participant_id)
        old = self._old.table.get(*erasure_key(job_id))
        present = self._erasures.job(job_id)
        if old is None or (present is not None and present.requested_at >= old["requested_at"]):
            if present is None or not present.is_running:
                return
        else:
            job = ErasureJob(job_id, old["requested_at"], 0, 0, participant_id, secrets.token_hex(16))
            self._erasures.begin(job)
            job = job._replace(total=len(self._erasures.data_locations(participant_id)))
            self._erasures.set_total(job)
        while (delay := self._app.privacy.erasure.run(job_id, _STEP_SECONDS)) is not None:
            self._app.runtime.clock.sleep(delay)

    def _copy_finished_erasures(self, partitions: Sequence[str]) -> None:
        """Keep the status of the erasures of participants of whom the restored table holds nothing."""
        for pk in partitions:
            if pk.startswith(ERASURE_PREFIX):
                key = erasure_key(pk.removeprefix(ERASURE_PREFIX))
                item = self._old.table.get(*key)
                if item is not None and not job_from_item(item).is_running and self._new.table.get(*key) is None:
                    done = job_from_item(item)
                    self._new.table.put({**job_to_item(done), "done_at": done.done_at} | _FORGOTTEN)


_FORGOTTEN = {"participant_id": None, "pseudonym_salt": None}


def copy_revocations(old: Table, keys: ReadKeys, new: Table) -> int:
    """Take the revocations of tokens over into the new connections table; return their number."""
    copied = 0
    for pk, sk in keys():
        require_known(CONNECTIONS, pk, sk)
        if pk.startswith(REVOCATION_PREFIX) and sk == REVOKED:
            item = old.get(pk, sk)
            if item is not None:
                new.put(item)
                copied += 1
    return copied
