"""Replay of deletions, expiry, revoked invites and stricter settings in one conversation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chalicelib.aws.dynamodb.conversation_items import details_from_item
from chalicelib.aws.dynamodb.keys import EVENT_PREFIX, INVITE_PREFIX, INVITE_USE_PREFIX, details_key
from chalicelib.aws.dynamodb.log_items import event_from_item
from chalicelib.aws.dynamodb.retention import DynamoRetention
from chalicelib.bootstrap import Application
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.message_updates import REACTION_DELETE_BATCH
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import StoredEvent, new_event, tombstone
from chalicelib.core.ports.commits import Commit
from chalicelib.core.privacy.retention import SERVICE
from infra.restore.side import Side


class ContentReplay:
    """Removes contents that were removed in the old table since the point in time."""

    def __init__(self, app: Application, old: Side, new: Side) -> None:
        self._event_log = app.stores.event_log
        self._retention = DynamoRetention(new.dynamo, new.table.name)
        self._clock = app.runtime.clock
        self._log = Log(event_log=app.stores.event_log, runtime=app.runtime)
        self._old, self._new = old, new

    def run(self, conversation_id: str) -> None:
        """Replay in one live conversation."""
        for target, deleted_at in list(self._deleted(conversation_id)):
            self._delete(conversation_id, target, deleted_at)
        self._expire(conversation_id)
        self._copy_invites(conversation_id)
        self._restrict_details(conversation_id)

    # ---- messages --------------------------------------------------------------------------------------

    def _deleted(self, conversation_id: str) -> Iterator[tuple[int, str]]:
        """Yield the messages that are deleted in the old table only, each with the time of its deletion."""
        before = self._old.rows(conversation_id, EVENT_PREFIX)
        for item in self._new.rows(conversation_id, EVENT_PREFIX):
            # Both logs are the same up to the point in time; later events of the restored one are of the replay.
            old = next((row for row in before if row["sk"] >= item["sk"]), None)
            if old is None:
                return
            if old.get("deleted_by") and not item.get("deleted_by"):
                event, present = event_from_item(old).event, event_from_item(item).event
                is_same = (
                    event["type"] == present["type"] == "message" and event["message_id"] == present["message_id"]
                )
                if is_same and "deleted_at" in event:
                    yield event["sequence_id"], event["deleted_at"]

    def _delete(self, conversation_id: str, target: int, deleted_at: str) -> None:
        def plan(head: Head) -> Commit:
            sequence_id, now = head.sequence_id + 1, milliseconds(self._clock)
            message = self._event_log.event(conversation_id, target)
            if message is None:
                raise AssertionError("unreachable: the event was read before, and events are never deleted")
            event = new_event(
                conversation_id, sequence_id, "message_deleted", sender=SERVICE, now=now, target=target
            )
            redacted = [({**tombstone(message.event), "deleted_at": deleted_at}, sequence_id)]
            redacted += [(tombstone(edit.event), 0) for edit in self._edits(conversation_id, message)]
            return Commit(head, replace(head, sequence_id=sequence_id, updated_at=now), [event], redacted=redacted)

        self._log.append(conversation_id, plan)
        while not self._event_log.delete_reactions(conversation_id, target, REACTION_DELETE_BATCH):
            pass

    def _edits(self, conversation_id: str, message: StoredEvent) -> list[StoredEvent]:
        edits = message.state.edits if message.state is not None else ()
        return self._event_log.events_by_id(conversation_id, edits) if edits else []

    def _expire(self, conversation_id: str) -> None:
        """Expire contents up to where they have expired in the old table."""
        old, new = self._old.head(conversation_id), self._new.head(conversation_id)
        if old is None or new is None:
            return
        up_to = min(old.expired_up_to, new.sequence_id)
        if up_to > new.expired_up_to:
            self._append_expiry(conversation_id, up_to)
        progress = self._retention.progress(conversation_id)
        while progress.cleared_up_to < up_to:
            cleared_up_to = self._retention.clear_contents(conversation_id, progress, up_to)
            progress = progress._replace(cleared_up_to=cleared_up_to)

    def _append_expiry(self, conversation_id: str, up_to: int) -> None:
        def plan(head: Head) -> Commit:
            sequence_id, now = head.sequence_id + 1, milliseconds(self._clock)
            event = new_event(
                conversation_id, sequence_id, "content_expired", sender=SERVICE, now=now, up_to=up_to
            )
            new = replace(head, sequence_id=sequence_id, updated_at=now, expired_up_to=up_to)
            return Commit(head, new, [event])

        self._log.append(conversation_id, plan)

    # ---- invites and details ---------------------------------------------------------------------------

    def _copy_invites(self, conversation_id: str) -> None:
        """Revoke the invites that were revoked, and add their uses."""
        for item in self._new.rows(conversation_id, INVITE_PREFIX):
            old = self._old.table.get(item["pk"], item["sk"])
            if old is None:
                self._new.table.delete(item["pk"], item["sk"])
            elif old["uses"] > item["uses"]:
                self._new.table.put({**item, "uses": old["uses"]})
        for item in self._old.rows(conversation_id, INVITE_USE_PREFIX):
            self._new.table.put(item)

    def _restrict_details(self, conversation_id: str) -> None:
        old, new = (side.table.get(*details_key(conversation_id)) for side in (self._old, self._new))
        if old is None or new is None:
            return
        before, details = details_from_item(old), details_from_item(new)
        changes: dict[str, Any] = {}
        if before.join_policy == "invite" and details.join_policy != "invite":
            changes["join_policy"] = "invite"
        days = [number for number in (before.retention_days, details.retention_days) if number is not None]
        if days and min(days) != details.retention_days:
            changes["retention_days"] = min(days)
        if not changes:
            return

        def plan(head: Head) -> Commit:
            sequence_id, now = head.sequence_id + 1, milliseconds(self._clock)
            event = new_event(
                conversation_id, sequence_id, "conversation_updated", sender=SERVICE, now=now, **changes
            )
            return Commit(
                head,
                replace(head, sequence_id=sequence_id, updated_at=now),
                [event],
                details=replace(details, **changes),
                retention_check_at=now // 1000 if "retention_days" in changes else None,
            )

        self._log.append(conversation_id, plan)
