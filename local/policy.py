"""IAM policies: their validation and evaluation, for the functions' roles and for authorizers' responses.

Source: "Policy evaluation logic" and "IAM JSON policy elements reference". An explicit Deny overrides any Allow;
a request that no statement matches is implicitly denied. Actions match case-insensitively, resources
case-sensitively; `*` matches any characters, slashes and colons included, and `?` matches one. So
`…/stage/*/*` does not match `…/stage/$connect`: there is no second slash.

Condition, NotAction, NotResource and policy variables are unsupported: a policy with any of them is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from local.errors import LocalError

_FIELDS = {"Sid", "Effect", "Action", "Resource"}
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")


class InvalidPolicy(LocalError):
    """A policy is malformed, or has an unsupported element."""


class Grant(NamedTuple):
    """One permission as written in a statement."""

    sid: str
    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The request is denied, explicitly by a Deny statement or implicitly by the lack of an Allow statement."""

    explicit: bool


@dataclass(frozen=True, slots=True)
class _Statement:
    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def pairs(self) -> Iterator[Grant]:
        for action in self.actions:
            yield from (Grant(self.sid, action, resource) for resource in self.resources)

    def match(self, action: str, resource: str) -> Grant | None:
        """Return the first matching pair of action and resource."""
        for pair in self.pairs():
            if matches(pair.action.lower(), action.lower()) and matches(pair.resource, resource):
                return pair
        return None


class Policy:
    """Validated statements, ready for evaluation."""

    def __init__(self, statements: Sequence[_Statement]) -> None:
        """Use `parse_identity_policy` or `parse_authorizer_policy`."""
        self._statements = statements

    def grants(self) -> Iterator[Grant]:
        """Yield every pair of action and resource of the Allow statements."""
        for statement in self._statements:
            if statement.allows:
                yield from statement.pairs()

    def decide(self, action: str, resource: str) -> Grant | Denied:
        """Return the first grant for the request, unless a statement denies it."""
        first_grant: Grant | None = None
        for statement in self._statements:
            grant = statement.match(action, resource)
            if grant is not None and not statement.allows:
                return Denied(explicit=True)
            first_grant = first_grant or grant
        return first_grant or Denied(explicit=False)

    def allows(self, action: str, resource: str) -> bool:
        """Return whether the request is granted."""
        return isinstance(self.decide(action, resource), Grant)


def parse_identity_policy(owner: str, statements: Sequence[Mapping[str, Any]]) -> Policy:
    """Validate the statements of an identity-based policy, after the resolution of intrinsic functions.

    Raises InvalidPolicy with `owner` and the statement.
    """
    parsed = _parse(owner, statements)
    for statement in parsed:
        _require_iam_grammar(statement, f"Statement {statement.sid} of {owner}")
    sids = [statement.sid for statement in parsed]
    if duplicates := sorted({sid for sid in sids if sids.count(sid) > 1}):
        raise InvalidPolicy(f"Two statements of {owner} have the Sid {', '.join(duplicates)}: rename one.")
    return Policy(parsed)


def parse_authorizer_policy(document: Any) -> Policy:
    """Validate the policyDocument of a Lambda authorizer's response.

    Unlike in an identity-based policy, `Statement` may be a single object, and an empty list matches nothing:
    Chalice's `AuthResponse(routes=[])`.

    Raises InvalidPolicy.
    """
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not all(isinstance(statement, dict) for statement in statements):
        raise InvalidPolicy(
            "The policyDocument must be an object whose Statement is an object or a list of objects."
        )
    return Policy(_parse("the policyDocument", statements))


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole of `text` matches `pattern`, in which `*` and `?` are wildcards."""
    return _regex(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _parse(owner: str, statements: Sequence[Mapping[str, Any]]) -> list[_Statement]:
    sids = (str(statement.get("Sid", f"#{number}")) for number, statement in enumerate(statements, 1))
    return [_parse_statement(statement, sid, owner) for statement, sid in zip(statements, sids, strict=True)]


def _parse_statement(statement: Mapping[str, Any], sid: str, owner: str) -> _Statement:
    location = f"Statement {sid} of {owner}"
    if unknown := sorted(statement.keys() - _FIELDS):
        raise InvalidPolicy(f"{location} has {', '.join(unknown)}, which is unsupported.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise InvalidPolicy(f"{location} must have the Effect Allow or Deny.")
    actions, resources = (_strings(statement, key, location) for key in ("Action", "Resource"))
    return _Statement(sid, statement["Effect"] == "Allow", actions, resources)


def _strings(statement: Mapping[str, Any], key: str, location: str) -> tuple[str, ...]:
    value = statement.get(key)
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(item, str) for item in values):
        raise InvalidPolicy(
            f"The {key} of {location} must be a string or a list of strings, without intrinsic functions:"
            " resolve() replaces them."
        )
    return values


def _require_iam_grammar(statement: _Statement, location: str) -> None:
    """Raise InvalidPolicy for what IAM would reject, and for variables."""
    if not statement.actions or not statement.resources:
        raise InvalidPolicy(f"{location} must have at least one Action and one Resource.")
    for action in statement.actions:
        if not _ACTION.fullmatch(action):
            raise InvalidPolicy(f"{location}: the Action {action} is neither service:Operation nor *.")
    for resource in statement.resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise InvalidPolicy(f"{location}: the Resource {resource} is neither an ARN nor *.")
        if "${" in resource:
            raise InvalidPolicy(
                f"{location}: the Resource {resource} has an unresolved variable; use resolve() first."
            )
