"""What happens to a stack while CloudFormation works on it, and why something failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.deploy.account import Account

STACK = "AWS::CloudFormation::Stack"
# What CloudFormation says of a resource that only had to stop because another one failed.
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True, slots=True)
class StackEvent:
    """Something that happened to a resource of the stack, or to the stack itself."""

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
        """Whether it failed only because something else did."""
        return self.reason.startswith(_CANCELLED)

    def line(self) -> str:
        """For a person."""
        reason = f"  {self.reason}" if self.reason and (self.failed or self.kind == STACK) else ""
        return f"  {self.status:<28} {self.logical_id}{reason}"


class StackEvents:
    """The events of one stack after a moment: those of the operation that begins then."""

    def __init__(self, account: Account, stack_id: str) -> None:
        self._client = account.cloudformation
        self._stack_id = stack_id
        self._last = next((each["EventId"] for each in self._newest_first()), "")

    def poll(self) -> list[StackEvent]:
        """What happened since the last look, in the order in which it happened."""
        new_events = []
        for each in self._newest_first():
            if each["EventId"] == self._last:
                break
            new_events.append(
                StackEvent(
                    id=each["EventId"],
                    logical_id=each["LogicalResourceId"],
                    kind=each["ResourceType"],
                    status=each["ResourceStatus"],
                    reason=each.get("ResourceStatusReason") or "",
                    physical_id=each.get("PhysicalResourceId") or "",
                )
            )
        if new_events:
            self._last = new_events[0].id
        return new_events[::-1]

    def _newest_first(self) -> Iterable[dict[str, Any]]:
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._stack_id):
            yield from page["StackEvents"]


def failures(events: Iterable[StackEvent]) -> list[StackEvent]:
    """The resources that failed by themselves, the first of them first: it is the root cause.

    Where every failure is said to be the consequence of another, all are given.
    """
    failed = [each for each in events if each.failed and each.kind != STACK]
    return [each for each in failed if not each.is_consequence] or failed


def explain_failures(events: Sequence[StackEvent]) -> list[str]:
    """Each failed resource with its reason, the root cause first."""
    causes = failures(events)
    lines = []
    for place, each in enumerate(causes):
        mark = "Root cause" if place == 0 else "Also"
        lines.append(f"{mark}: {each.logical_id} ({each.kind}): {each.reason or each.status}")
    cancelled = sum(1 for each in events if each.failed and each.is_consequence and each not in causes)
    if cancelled:
        lines.append(f"{cancelled} more had to stop because of that")
    if not lines:
        reasons = (each.reason for each in events if each.kind == STACK and each.reason)
        lines += [f"CloudFormation says: {reason}" for reason in reasons]
    return lines
