"""Resolution of CloudFormation's intrinsic functions in policy statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.iam.errors import UnresolvedReference

Values = Mapping[str, str]
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


def resolve(statements: Sequence[Mapping[str, Any]], values: Values) -> list[dict[str, Any]]:
    """Return the statements with Ref, Fn::GetAtt, Fn::Sub and Fn::Join replaced by their values.

    The keys of `values` are as in Fn::Sub: `Table` for a Ref, `Table.Arn` for an attribute, `AWS::Region`.

    Raises UnresolvedReference for a name without a value, and for any other intrinsic function.
    """
    return [
        {
            key: _resolve(value, values, f"statement {statement.get('Sid', number)}")
            for key, value in statement.items()
        }
        for number, statement in enumerate(statements, 1)
    ]


def _resolve(node: Any, values: Values, context: str) -> Any:
    if isinstance(node, list):
        return [_resolve(item, values, context) for item in node]
    if not isinstance(node, Mapping):
        return node
    name = next(iter(node)) if len(node) == 1 else ""
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](node[name], values, context)
    if name.startswith("Fn::"):
        raise UnresolvedReference(f"{context} uses {name}; supported are {', '.join(_FUNCTIONS)}.")
    return {key: _resolve(value, values, context) for key, value in node.items()}


def _value(name: str, values: Values, context: str) -> str:
    if name not in values:
        raise UnresolvedReference(f"{context} refers to {name}, which has no value: add it to the values.")
    return values[name]


def _ref(name: Any, values: Values, context: str) -> str:
    return _value(_text(name, "Ref", context), values, context)


def _get_att(path: Any, values: Values, context: str) -> str:
    parts = path if isinstance(path, list) else [path]
    return _value(".".join(_text(part, "Fn::GetAtt", context) for part in parts), values, context)


def _sub(argument: Any, values: Values, context: str) -> str:
    """Replace `${Name}` and `${Name.Attribute}`; `${!Name}` is an escaped `${Name}`."""
    template, local_values = (argument, {}) if isinstance(argument, str) else _pair(argument, "Fn::Sub", context)
    if not isinstance(local_values, Mapping):
        raise UnresolvedReference(
            f"{context} has a Fn::Sub whose second argument is not a map of names to values."
        )
    known = {**values, **{name: _resolve(value, values, context) for name, value in local_values.items()}}

    def replacement(match: re.Match[str]) -> str:
        literal, name = match.groups()
        return f"${{{name}}}" if literal else _text(_value(name.strip(), known, context), "Fn::Sub", context)

    return _VARIABLE.sub(replacement, _text(template, "Fn::Sub", context))


def _join(argument: Any, values: Values, context: str) -> str:
    delimiter, parts = _pair(argument, "Fn::Join", context)
    if not isinstance(parts, list):
        raise UnresolvedReference(f"{context} has a Fn::Join whose second argument is not a list.")
    return _text(delimiter, "Fn::Join", context).join(
        _text(_resolve(part, values, context), "Fn::Join", context) for part in parts
    )


def _pair(argument: Any, function: str, context: str) -> tuple[Any, Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise UnresolvedReference(f"{context} has a {function} without its two arguments.")
    return argument[0], argument[1]


def _text(value: Any, function: str, context: str) -> str:
    if not isinstance(value, str):
        raise UnresolvedReference(f"{context} has a {function} with a non-string value.")
    return value


_FUNCTIONS: Mapping[str, Callable[[Any, Values, str], str]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
}
