"""The events of a stack while CloudFormation changes it, and the causes of failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.deploy.account import Account

STACK = "AWS::CloudFormation::Stack"
# CloudFormation's reasons for resources that stopped because another one failed.
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True, slots=True)
class StackEvent:
    """An event of a resource of the stack, or of the stack itself."""

    id: str
    logical_id: str
    kind: str
    status: str
    reason: str
    physical_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is a failure."""
        return self.status.endswith("_FAILED")

    @property
    def is_consequence(self) -> bool:
        """Whether it failed only because another resource failed."""
        return self.reason.startswith(_CANCELLED)

    def line(self) -> str:
        """Format it for the terminal."""
        reason = f"  {self.reason}" if self.reason and (self.failed or self.kind == STACK) else ""
        return f"  {self.status:<28} {self.logical_id}{reason}"


class StackEvents:
    """The events of one stack after this object was created: those of the next operation."""

    def __init__(self, account: Account, stack_id: str) -> None:
        self._client = account.cloudformation
        self._stack_id = stack_id
        self._last = next((event["EventId"] for event in self._newest_first()), "")

    def poll(self) -> list[StackEvent]:
        """Return the events since the last poll, oldest first."""
        new_events = []
        for event in self._newest_first():
            if event["EventId"] == self._last:
                break
            new_events.append(
                StackEvent(
                    id=event["EventId"],
                    logical_id=event["LogicalResourceId"],
                    kind=event["ResourceType"],
                    status=event["ResourceStatus"],
                    reason=event.get("ResourceStatusReason") or "",
                    physical_id=event.get("PhysicalResourceId") or "",
                )
            )
        if new_events:
            self._last = new_events[0].id
        return new_events[::-1]

    def _newest_first(self) -> Iterable[dict[str, Any]]:
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._stack_id):
            yield from page["StackEvents"]


def failures(events: Iterable[StackEvent]) -> list[StackEvent]:
    """Return the resources that failed by themselves; the first is the root cause.

    If all failures are consequences, return all.
    """
    failed = [event for event in events if event.failed and event.kind != STACK]
    return [event for event in failed if not event.is_consequence] or failed


def explain_failures(events: Sequence[StackEvent]) -> list[str]:
    """Describe each failed resource with its reason, the root cause first."""
    causes = failures(events)
    lines = []
    for position, event in enumerate(causes):
        mark = "Root cause" if position == 0 else "Also"
        lines.append(f"{mark}: {event.logical_id} ({event.kind}): {event.reason or event.status}")
    cancelled = sum(1 for event in events if event.failed and event.is_consequence and event not in causes)
    if cancelled:
        lines.append(f"{cancelled} more were cancelled because of that")
    if not lines:
        reasons = (event.reason for event in events if event.kind == STACK and event.reason)
        lines += [f"CloudFormation: {reason}" for reason in reasons]
    return lines
