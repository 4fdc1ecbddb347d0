"""What an authorizer's IAM policy says about one ``execute-api`` ARN.

The rules are those of IAM's evaluation logic: an explicit Deny wins, an Allow that matches grants, nothing
that matches is an implicit deny. ``*`` stands for any characters (slashes too) and ``?`` for one. So
``…/stage/*/*`` does not match ``…/stage/$connect``: there is no second slash.
"""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

INVOKE = "execute-api:Invoke"


class Verdict(Enum):
    """The three outcomes of a policy's evaluation."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "implicit deny"
    DENIED = "explicit deny"


class InvalidPolicy(ValueError):
    """The document is no policy that API Gateway could evaluate."""


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """The regular expression for an ARN or action with wildcards."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
    return re.compile("".join(parts), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of ``text`` matches ``pattern``, in which ``*`` and ``?`` are wildcards."""
    return _pattern(pattern).fullmatch(text) is not None


def _texts(statement: dict[str, Any], key: str) -> list[str]:
    """The strings of a field. An empty list matches nothing: Chalice's ``AuthResponse(routes=[])``."""
    value = statement.get(key)
    values = value if isinstance(value, list) else [value]
    texts = [item for item in values if isinstance(item, str)]
    if len(texts) != len(values):
        raise InvalidPolicy(f"a statement's {key} must be a string or a list of strings")
    return texts


def _statements(document: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(document, dict):
        raise InvalidPolicy("policyDocument must be an object")
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(isinstance(item, dict) for item in statements):
        raise InvalidPolicy("policyDocument.Statement must be an object or a list of objects")
    return statements


def _check(statement: dict[str, Any]) -> None:
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise InvalidPolicy("a statement's Effect must be Allow or Deny")
    unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource"}
    if unknown:  # NotAction, NotResource, Condition: refused rather than half understood
        raise InvalidPolicy(f"a statement has {', '.join(sorted(unknown))}, which is not understood here")


def evaluate(document: Any, arn: str, action: str = INVOKE) -> Verdict:
    """Evaluate a policy document for ``action`` (compared without case, as IAM does) on ``arn``.

    Raises:
        InvalidPolicy: The document has not the shape of a policy.
    """
    verdict = Verdict.NOT_ALLOWED
    for statement in _statements(document):
        _check(statement)
        actions = any(matches(item.lower(), action.lower()) for item in _texts(statement, "Action"))
        resources = any(matches(item, arn) for item in _texts(statement, "Resource"))
        if actions and resources:
            if statement["Effect"] == "Deny":
                return Verdict.DENIED
            verdict = Verdict.ALLOWED
    return verdict
