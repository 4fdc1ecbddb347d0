"""Parsed expressions, before names and values are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Path:
    """A document path; an element is an attribute's name, an alias (`#name`) or the index of a list element."""

    elements: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ValueName:
    """A placeholder for a value, such as `:value`."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The sum or the difference in a SET action."""

    operator: str
    left: Operand
    right: Operand


Operand: TypeAlias = Path | ValueName | Call | Arithmetic


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and one of `= <> < <= > >=`."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN low AND high`."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    """`operand IN (option, …)`."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class And:
    """Two conditions of which both hold."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Or:
    """Two conditions of which one holds."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Not:
    """A condition that does not hold."""

    condition: Condition


Condition: TypeAlias = Comparison | Between | In | And | Or | Not | Call


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an update: `SET path = operand`, `REMOVE path`, `ADD path :value` or `DELETE path :value`."""

    clause: str
    path: Path
    operand: Operand | None
