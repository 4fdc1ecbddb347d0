"""The items of reports: one in the conversation, open or closed, and the reporter's copy. They expire together."""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import Key
from chalicelib.aws.dynamodb.report_keys import (
    CLOSED_REPORT_PREFIX,
    OPEN_REPORT_PREFIX,
    report_copy_key,
    report_index_key,
    report_item_key,
)
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.reports import OPEN, Report, ReportCopy


def report_to_item(report: Report) -> Item:
    """Return the item of a report in its conversation."""
    pk, sk = report_item_key(report.conversation_id, report.key, is_open=report.status == OPEN)
    return {"pk": pk, "sk": sk} | report._asdict()


def report_from_item(item: Item) -> Report:
    """Return a report."""
    return Report(**{name: item[name] for name in Report._fields if name in item})


def copy_to_item(report: Report) -> Item:
    """Return the item of the reporter's copy."""
    pk, sk = report_copy_key(report.conversation_id, report.target, report.reporter_id)
    copy = ReportCopy(report.conversation_id, report.target, report.reason, report.created_at)
    return {"pk": pk, "sk": sk, "expires_at": report.expires_at} | copy._asdict()


def copy_from_item(item: Item) -> ReportCopy:
    """Return a reporter's copy."""
    return ReportCopy(**{name: item[name] for name in ReportCopy._fields})


def is_report(sk: str) -> bool:
    """Return whether an item of a conversation is a report."""
    return sk.startswith((OPEN_REPORT_PREFIX, CLOSED_REPORT_PREFIX))


def index_to_item(report: Report) -> Item:
    """Return the item of an open report in the index of all conversations."""
    pk, sk = report_index_key(report.conversation_id, report.key, report.created_at)
    return {"pk": pk, "sk": sk, "expires_at": report.expires_at}


def index_key_of(item: Item) -> Key:
    """Return the key in the index that belongs to a report in a conversation."""
    return report_index_key(item["conversation_id"], item["key"], item["created_at"])


def copy_key_of(item: Item) -> Key:
    """Return the key of the copy that belongs to a report in a conversation."""
    return report_copy_key(item["conversation_id"], item["target"], item["reporter_id"])
