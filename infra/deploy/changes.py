"""What a change set would do: read from CloudFormation, shown as a table, and looked through for what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

TABLE = "AWS::DynamoDB::Table"
# Their ids stand in the URLs, which therefore change when they are replaced.
_APIS = {"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"}
_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a change set adds, modifies or removes."""

    action: str
    """Add, Modify or Remove; CloudFormation knows rarer ones."""
    logical_id: str
    kind: str
    """The resource's type."""
    replacement: str = "False"
    """True, False, or Conditional: known only when it is done."""
    retained: bool = False
    """What is removed or replaced stays in the account, outside the stack."""
    properties: tuple[str, ...] = ()
    """The properties that change."""

    @property
    def replaces(self) -> bool:
        """Whether the resource is, or may be, made anew."""
        return self.action == "Modify" and self.replacement in {"True", "Conditional"}

    @property
    def loses_a_table(self) -> bool:
        """Whether the application no longer sees the data of a table afterwards."""
        return self.kind == TABLE and (self.action == "Remove" or self.replaces)


def read_changes(entries: Iterable[dict[str, Any]]) -> list[Change]:
    """The `Changes` of DescribeChangeSet, tables and what is lost first."""
    changes = []
    for each in (entry["ResourceChange"] for entry in entries if "ResourceChange" in entry):
        targets = (detail.get("Target", {}) for detail in each.get("Details", []))
        changes.append(
            Change(
                action=each["Action"],
                logical_id=each["LogicalResourceId"],
                kind=each["ResourceType"],
                replacement=each.get("Replacement", "False"),
                retained=each.get("PolicyAction", "") in {"Retain", "ReplaceAndRetain"},
                properties=tuple(
                    dict.fromkeys(target.get("Name") or target.get("Attribute", "") for target in targets)
                ),
            )
        )
    return sorted(changes, key=lambda each: (not each.loses_a_table, each.kind, each.logical_id))


def format_changes(changes: Sequence[Change]) -> list[str]:
    """The changes for a person: a line for each, in columns, and the sum."""
    if not changes:
        return []
    names = max(len(each.logical_id) for each in changes)
    kinds = max(len(each.kind) for each in changes)
    lines = [
        f"  {_SIGNS.get(each.action, '?')} {each.action:<7} {each.logical_id:<{names}}  {each.kind:<{kinds}}"
        f"  {_remark(each)}".rstrip()
        for each in changes
    ]
    count = Counter(each.action for each in changes)
    sums = [f"{count[action]} to {action.lower()}" for action in sorted(count)]
    if replaced := sum(each.replaces for each in changes):
        sums.append(f"{replaced} of them replaced, or perhaps")
    return [*lines, "  " + ", ".join(sums)]


def warnings(changes: Iterable[Change]) -> list[str]:
    """What a person should not overlook."""
    lines = []
    for each in changes:
        if each.loses_a_table:
            lines.append(f"!!! {each.logical_id} {_outcome(each)}. {_consequence(each)}")
        elif each.kind in _APIS and (each.replaces or each.action == "Remove"):
            lines.append(f"!!! {each.logical_id} {_outcome(each)}: the URLs that clients use will change")
    return lines


def _outcome(change: Change) -> str:
    if change.action == "Remove":
        return "will be REMOVED"
    return "will be REPLACED by a new one" if change.replacement == "True" else "may be REPLACED by a new one"


def _consequence(change: Change) -> str:
    if change.retained:
        return "The table stays in the account, but the application no longer sees what is in it"
    return "All that is in the table will be LOST"


def _remark(change: Change) -> str:
    properties = ", ".join(name for name in change.properties if name)
    if change.replaces:
        certainty = "REPLACED" if change.replacement == "True" else "PERHAPS REPLACED"
        return f"{certainty} ({properties})" if properties else certainty
    if change.action == "Remove" and change.retained:
        return "stays in the account"
    return properties
