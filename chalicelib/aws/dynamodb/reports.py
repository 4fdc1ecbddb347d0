"""Reports on DynamoDB.

A closed report has another key than an open one, so that the open ones are found without reading all others. The
reporter's copy stays as it is, and lets each of them report a message only once. An index by time has the open
reports of all conversations; its items expire with the reports.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

from chalicelib.aws.dynamodb.append_steps import require_member_op
from chalicelib.aws.dynamodb.dynamo import Dynamo, Entries, Operation, no_entries
from chalicelib.aws.dynamodb.keys import (
    FIRST,
    LAST,
    conversation_pk,
    event_key,
    participant_pk,
    sk_after,
    sk_up_to,
)
from chalicelib.aws.dynamodb.report_items import (
    copy_from_item,
    copy_to_item,
    index_to_item,
    report_from_item,
    report_to_item,
)
from chalicelib.aws.dynamodb.report_keys import (
    CLOSED_REPORT_PREFIX,
    OPEN_REPORT_PREFIX,
    REPORT_COPY_PREFIX,
    REPORT_SHARDS,
    parse_report_index_sk,
    report_copy_key,
    report_index_key,
    report_index_pk,
    report_item_key,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.reports import OPEN, Report, ReportCopy, subject_of

_AS_READ = "#author_id = :author_id AND #status = :status"
"""An erasure of the author changes the first, another moderator the second."""


class DynamoReports:
    """The `ReportStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather, entries: Entries = no_entries) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._gather = gather
        self._entries = entries
        self._table = Table(dynamo, table)

    # ---- writes ----------------------------------------------------------------------------------------

    def save(self, report: Report, reporter: Membership) -> bool:
        """Save a report and its copy: an erasure of the author or the reporter comes later, and finds both."""
        table, is_new = self._table, "attribute_not_exists(#pk) OR #expires_at <= :now"
        not_deleted = "attribute_exists(#pk) AND attribute_not_exists(#deleted_by)"
        return self._dynamo.try_transact(
            [
                table.put_op(copy_to_item(report), is_new, now=self._dynamo.now),
                table.put_op(report_to_item(report)),
                table.put_op(index_to_item(report)),
                table.delete_op(*report_item_key(report.conversation_id, report.key, is_open=False)),
                table.condition_op(*event_key(report.conversation_id, report.target), not_deleted),
                require_member_op(table, reporter),
                *self._entries("report_created", conversation_id=report.conversation_id, target=report.target),
            ]
        )

    def close(self, report: Report, closed: Report, by: Membership | None) -> bool:
        """Move an open report, or replace a closed one."""
        table, values = self._table, {"author_id": report.author_id, "status": report.status}
        operations: list[Operation] = []
        if report.status == OPEN:
            key = report_item_key(report.conversation_id, report.key, is_open=True)
            operations = [table.delete_op(*key, _AS_READ, **values), table.put_op(report_to_item(closed))]
            index_key = report_index_key(report.conversation_id, report.key, report.created_at)
            operations.append(table.delete_op(*index_key))
        else:
            operations = [table.put_op(report_to_item(closed), _AS_READ, **values)]
        if by is not None:
            operations.append(require_member_op(table, by, role=True))
        return self._dynamo.try_transact(operations)

    def erase_copies(self, reporter_id: str) -> None:
        """Delete a participant's copies, also those whose conversation was purged."""
        pk = participant_pk(reporter_id)
        items = self._table.query(pk, prefix=REPORT_COPY_PREFIX, include_expired=True)
        self._table.batch_delete([(pk, item["sk"]) for item in items])

    # ---- reads -----------------------------------------------------------------------------------------

    def is_reported(self, conversation_id: str, target: int, reporter_id: str) -> bool:
        """Return whether the reporter's copy is there."""
        return self._table.get(*report_copy_key(conversation_id, target, reporter_id)) is not None

    def report(self, conversation_id: str, key: str) -> Report | None:
        """Return a report; open and closed ones are read at once."""
        keys = [report_item_key(conversation_id, key, is_open=is_open) for is_open in (True, False)]
        items = self._table.batch_get(keys)
        return report_from_item(items[0]) if items else None

    def reports(
        self, conversation_id: str, *, is_open: bool, hidden_from: str | None, after: str | None, limit: int
    ) -> tuple[list[Report], str | None]:
        """Return a page; the range of the keys of those that are hidden is skipped."""
        prefix = OPEN_REPORT_PREFIX if is_open else CLOSED_REPORT_PREFIX
        start = prefix if after is None else sk_after(f"{prefix}{after}")
        ranges = [(start, sk_up_to(prefix))]
        if hidden_from is not None:
            hidden = f"{prefix}{subject_of(hidden_from)}"
            ranges = [(start, hidden), (max(start, sk_up_to(hidden)), sk_up_to(prefix))]
        items, next_after = self._page(conversation_pk(conversation_id), prefix, ranges, limit)
        return [report_from_item(item) for item in items], next_after

    def open_reports(self, after: str | None, limit: int) -> tuple[list[Report], str | None]:
        """Return a page of the index, from all partitions in parallel; expired ones make it shorter."""
        between = (FIRST if after is None else sk_after(after), LAST)

        def read(shard: int) -> list[Item]:
            pk = report_index_pk(shard)
            return list(self._table.query(pk, between=between, limit=limit + 1, include_expired=True))

        found = self._gather(*(functools.partial(read, shard) for shard in range(REPORT_SHARDS)))
        index = sorted(itertools.chain.from_iterable(found), key=lambda item: str(item["sk"]))
        page = index[:limit]
        keys = [parse_report_index_sk(item["sk"]) for item in page if not self._dynamo.is_expired(item)]
        items = {(item["pk"], item["sk"]): item for item in self._table.batch_get(keys)} if keys else {}
        reports = [report_from_item(items[key]) for key in keys if key in items]
        return reports, page[-1]["sk"] if len(index) > limit else None

    def copies(self, reporter_id: str, after: str | None, limit: int) -> tuple[list[ReportCopy], str | None]:
        """Return a page of the copies."""
        prefix = REPORT_COPY_PREFIX
        start = prefix if after is None else sk_after(f"{prefix}{after}")
        items, next_after = self._page(participant_pk(reporter_id), prefix, [(start, sk_up_to(prefix))], limit)
        return [copy_from_item(item) for item in items], next_after

    def _page(
        self, pk: str, prefix: str, ranges: Sequence[tuple[str, str]], limit: int
    ) -> tuple[list[Item], str | None]:
        """Return items by their keys, and the last key without the prefix if there are more items.

        Expired items make a page shorter, as one that skipped them could read any number.
        """
        items: list[Item] = []
        for between in ranges:
            if between[0] <= between[1] and len(items) <= limit:
                left = limit + 1 - len(items)
                items += self._table.query(pk, between=between, limit=left, include_expired=True)
        page = items[:limit]
        next_after = page[-1]["sk"].removeprefix(prefix) if len(items) > limit else None
        return [item for item in page if not self._dynamo.is_expired(item)], next_after
