"""What the policy of one function says about an action on a resource.

The rules are IAM's ("Policy evaluation logic", "IAM JSON policy elements reference"): an explicit Deny wins, an
Allow that matches grants, what nothing matches is denied. Actions are compared without case, resources with it;
`*` stands for any characters and `?` for one. What is not evaluated here is refused when the policy is read:
Condition, NotAction, NotResource, policy variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from local.gateway.policy import matches
from local.iam.errors import InvalidStatement

_FIELDS = {"Sid", "Effect", "Action", "Resource"}
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")


class Grant(NamedTuple):
    """One thing that a statement allows, as it is written there."""

    sid: str
    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing allows it, or a statement with the effect Deny forbids it."""

    explicit: bool


@dataclass(frozen=True, slots=True)
class _Statement:
    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def match(self, action: str, resource: str) -> Grant | None:
        """The first of its actions and resources that match."""
        for its_action in self.actions:
            if matches(its_action.lower(), action.lower()):
                for its_resource in self.resources:
                    if matches(its_resource, resource):
                        return Grant(self.sid, its_action, its_resource)
        return None


class Policy:
    """The statements of one function."""

    def __init__(self, function: str, statements: Sequence[Mapping[str, Any]]) -> None:
        """Raises InvalidStatement, naming `function` and the statement."""
        self._statements = tuple(
            _read(statement, str(statement.get("Sid", f"#{number}")), function)
            for number, statement in enumerate(statements, 1)
        )
        sids = [statement.sid for statement in self._statements]
        if twice := sorted({sid for sid in sids if sids.count(sid) > 1}):
            raise InvalidStatement(f"Two statements of {function} have the Sid {', '.join(twice)}: rename one.")
        self.decide = lru_cache(maxsize=1024)(self._decide)  # most calls ask for what was asked before

    def grants(self) -> Iterator[Grant]:
        """All that it allows: every pair of an action and a resource, by statement."""
        for statement in self._statements:
            if statement.allows:
                yield from (
                    Grant(statement.sid, action, arn)
                    for action in statement.actions
                    for arn in statement.resources
                )

    def _decide(self, action: str, resource: str) -> Grant | Denied:
        """The first grant for it, unless a statement denies it."""
        first_grant: Grant | None = None
        for statement in self._statements:
            grant = statement.match(action, resource)
            if grant is not None and not statement.allows:
                return Denied(explicit=True)
            first_grant = first_grant or grant
        return first_grant or Denied(explicit=False)


def _read(statement: Mapping[str, Any], sid: str, function: str) -> _Statement:
    where = f"Statement {sid} of {function}"
    if unknown := sorted(statement.keys() - _FIELDS):
        raise InvalidStatement(f"{where} has {', '.join(unknown)}, which is not evaluated here.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise InvalidStatement(f"{where} must have the Effect Allow or Deny.")
    actions = _texts(statement, "Action", where)
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise InvalidStatement(f"{where}: the Action {action} is neither service:Operation nor *.")
    resources = _texts(statement, "Resource", where)
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise InvalidStatement(f"{where}: the Resource {resource} is neither an ARN nor *.")
        if "${" in resource:
            raise InvalidStatement(f"{where}: the Resource {resource} has a variable; resolve() fills those in.")
    return _Statement(sid, statement["Effect"] == "Allow", actions, resources)


def _texts(statement: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A string, or a list of at least one, as a tuple."""
    value = statement.get(key)
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not values or not all(isinstance(item, str) for item in values):
        raise InvalidStatement(
            f"{where} must have as {key} a string or a list of strings; resolve() replaces intrinsic functions."
        )
    return values
