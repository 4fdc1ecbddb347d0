"""The changes of a change set: parsed from CloudFormation, formatted as a table, and checked for data loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

TABLE = "AWS::DynamoDB::Table"
# Their ids are part of the URLs, which change if they are replaced.
_APIS = {"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"}
# Their names end the URLs; a stage with another name is another resource.
_STAGES = {"AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage"}
_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a change set adds, modifies or removes."""

    action: str
    """Add, Modify or Remove; CloudFormation also has rarer ones."""
    logical_id: str
    kind: str
    """The resource's type."""
    replacement: str = "False"
    """True, False, or Conditional, which is decided during execution."""
    retained: bool = False
    """Whether the removed or replaced resource is retained in the account."""
    properties: tuple[str, ...] = ()
    """The properties that change."""

    @property
    def replaces(self) -> bool:
        """Whether the resource is or may be replaced."""
        return self.action == "Modify" and self.replacement in {"True", "Conditional"}

    @property
    def loses_a_table(self) -> bool:
        """Whether the application loses access to a table's data."""
        return self.kind == TABLE and (self.action == "Remove" or self.replaces)


def read_changes(entries: Iterable[dict[str, Any]]) -> list[Change]:
    """Parse the `Changes` of DescribeChangeSet; lost tables come first."""
    changes = []
    for entry in (item["ResourceChange"] for item in entries if "ResourceChange" in item):
        targets = (detail.get("Target", {}) for detail in entry.get("Details", []))
        names = (target.get("Name") or target.get("Attribute", "") for target in targets)
        changes.append(
            Change(
                action=entry["Action"],
                logical_id=entry["LogicalResourceId"],
                kind=entry["ResourceType"],
                replacement=entry.get("Replacement", "False"),
                retained=entry.get("PolicyAction", "") in {"Retain", "ReplaceAndRetain"},
                properties=tuple(dict.fromkeys(names)),
            )
        )
    return sorted(changes, key=lambda change: (not change.loses_a_table, change.kind, change.logical_id))


def format_changes(changes: Sequence[Change]) -> list[str]:
    """Format the changes as a table with one line per change and a summary."""
    if not changes:
        return []
    names = max(len(change.logical_id) for change in changes)
    kinds = max(len(change.kind) for change in changes)
    lines = [
        f"  {_SIGNS.get(change.action, '?')} {change.action:<7} {change.logical_id:<{names}}"
        f"  {change.kind:<{kinds}}  {_remark(change)}".rstrip()
        for change in changes
    ]
    count = Counter(change.action for change in changes)
    sums = [f"{count[action]} to {action.lower()}" for action in sorted(count)]
    if replaced := sum(change.replaces for change in changes):
        sums.append(f"{replaced} of them replaced or possibly replaced")
    return [*lines, "  " + ", ".join(sums)]


def warnings(changes: Iterable[Change]) -> list[str]:
    """Return warnings about lost tables and changed URLs."""
    lines = []
    for change in changes:
        if change.loses_a_table:
            lines.append(f"!!! {change.logical_id} {_outcome(change)}. {_consequence(change)}")
        elif change.kind in _APIS | _STAGES and (change.replaces or change.action == "Remove"):
            lines.append(f"!!! {change.logical_id} {_outcome(change)}: the URLs for clients will change")
    return lines


def _outcome(change: Change) -> str:
    if change.action == "Remove":
        return "will be REMOVED"
    return "will be REPLACED by a new one" if change.replacement == "True" else "may be REPLACED by a new one"


def _consequence(change: Change) -> str:
    if change.retained:
        return "The table is retained in the account, but the application no longer uses its data"
    return "All data in the table will be LOST"


def _remark(change: Change) -> str:
    properties = ", ".join(name for name in change.properties if name)
    if change.replaces:
        certainty = "REPLACED" if change.replacement == "True" else "POSSIBLY REPLACED"
        return f"{certainty} ({properties})" if properties else certainty
    if change.action == "Remove" and change.retained:
        return "retained in the account"
    return properties
