"""CloudFormation's intrinsic functions in policy statements, replaced by their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.iam.errors import UnresolvedReference

Values = Mapping[str, str]
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


def resolve(statements: Sequence[Mapping[str, Any]], values: Values) -> list[dict[str, Any]]:
    """The statements with Ref, Fn::GetAtt, Fn::Sub and Fn::Join replaced.

    `values` are named as in a Fn::Sub: `Table` for a Ref, `Table.Arn` for an attribute, `AWS::Region`.

    Raises UnresolvedReference for a name without a value, and for any other intrinsic function.
    """
    return [
        {key: _resolved(value, values, f"statement {each.get('Sid', number)}") for key, value in each.items()}
        for number, each in enumerate(statements, 1)
    ]


def _resolved(node: Any, values: Values, where: str) -> Any:
    if isinstance(node, list):
        return [_resolved(each, values, where) for each in node]
    if not isinstance(node, Mapping):
        return node
    name = next(iter(node)) if len(node) == 1 else ""
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](node[name], values, where)
    if name.startswith("Fn::"):
        raise UnresolvedReference(f"{where} uses {name}; known are {', '.join(_FUNCTIONS)}.")
    return {key: _resolved(each, values, where) for key, each in node.items()}


def _value(name: str, values: Values, where: str) -> str:
    if name not in values:
        raise UnresolvedReference(f"{where} refers to {name}, which has no value: add it to the values.")
    return values[name]


def _ref(name: Any, values: Values, where: str) -> str:
    return _value(_text(name, "Ref", where), values, where)


def _get_att(path: Any, values: Values, where: str) -> str:
    parts = path if isinstance(path, list) else [path]
    return _value(".".join(_text(each, "Fn::GetAtt", where) for each in parts), values, where)


def _sub(argument: Any, values: Values, where: str) -> str:
    """`${Name}` and `${Name.Attribute}`; `${!Name}` stands for `${Name}` itself."""
    template, own = (argument, {}) if isinstance(argument, str) else _pair(argument, "Fn::Sub", where)
    if not isinstance(own, Mapping):
        raise UnresolvedReference(f"{where} has a Fn::Sub whose second argument is not a map of names to values.")
    known = {**values, **{name: _resolved(each, values, where) for name, each in own.items()}}

    def replacement(found: re.Match[str]) -> str:
        literal, name = found.groups()
        return f"${{{name}}}" if literal else _text(_value(name.strip(), known, where), "Fn::Sub", where)

    return _VARIABLE.sub(replacement, _text(template, "Fn::Sub", where))


def _join(argument: Any, values: Values, where: str) -> str:
    delimiter, parts = _pair(argument, "Fn::Join", where)
    if not isinstance(parts, list):
        raise UnresolvedReference(f"{where} has a Fn::Join whose second argument is not a list.")
    return _text(delimiter, "Fn::Join", where).join(
        _text(_resolved(each, values, where), "Fn::Join", where) for each in parts
    )


def _pair(argument: Any, function: str, where: str) -> tuple[Any, Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise UnresolvedReference(f"{where} has a {function} without its two arguments.")
    return argument[0], argument[1]


def _text(value: Any, function: str, where: str) -> str:
    if not isinstance(value, str):
        raise UnresolvedReference(f"{where} has a {function} with something else than text in it.")
    return value


_FUNCTIONS: Mapping[str, Callable[[Any, Values, str], str]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
}
