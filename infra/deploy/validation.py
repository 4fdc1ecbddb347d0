"""The failures of CloudFormation's early validation, which only DescribeEvents reports.

Since November 2025, CloudFormation validates a template before it changes anything. The status of a failed change
set or operation then only refers to DescribeEvents (CloudFormation User Guide, "Validate stack deployments").
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

VALIDATION_HINT = "DescribeEvents"
"""Part of a reason whose details are in DescribeEvents."""
_REASONS = ("ValidationStatusReason", "ResourceStatusReason", "HookStatusReason")


def validation_errors(client: Any, stack: str, change_set: str | None = None) -> list[str]:
    """Return a line for each failure of a change set, or of the stack's last operation.

    Without access to them, return one line that explains how to get them.
    """
    scope = {"StackName": stack} if change_set is None else {"StackName": stack, "ChangeSetName": change_set}
    try:
        pages = client.get_paginator("describe_events").paginate(**scope, Filters={"FailedEvents": True})
        events = [event for page in pages for event in page["OperationEvents"]]
    except (BotoCoreError, ClientError) as error:
        return [f"    The details cannot be read ({type(error).__name__}): aws cloudformation describe-events"]
    # A stack's events contain those of earlier operations; the newest are first.
    latest = events[0].get("OperationId") if events else None
    lines = [_line(event) for event in events if event.get("OperationId") == latest]
    return list(dict.fromkeys(line for line in lines if line))


def _line(event: dict[str, Any]) -> str:
    reason = next((event[name] for name in _REASONS if event.get(name)), "")
    if not reason:
        return ""
    subject = event.get("LogicalResourceId") or event.get("OperationType", "")
    kind = f" ({event['ResourceType']})" if event.get("ResourceType") else ""
    place = f" at {event['ValidationPath']}" if event.get("ValidationPath") else ""
    return f"    {subject}{kind}{place}: {reason}"
