"""A recursive descent parser for expressions, with DynamoDB's own messages for what it cannot read.

The grammars are those of the developer guide: "Condition and filter expressions, operators, and functions",
"Update expressions", "Projection expressions" and "Key condition expressions". Expressions are parsed once and
cached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from local.dynamodb.cursor import Cursor
from local.dynamodb.syntax import (
    Action,
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Condition,
    In,
    Not,
    Operand,
    Or,
    Path,
    ValueName,
)

MAX_OPERATORS = 300
COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")
FUNCTIONS = frozenset(
    {
        "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size",
        "if_not_exists", "list_append",
    }
)  # fmt: skip
_PATH_START = frozenset({"name", "alias"})
_CACHED = 1024

T = TypeVar("T")


@lru_cache(_CACHED)
def parse_condition(kind: str, text: str) -> Condition:
    """Parse a condition; `kind` names the parameter, such as `FilterExpression`. Raises DynamoError."""
    parser = _Parser(kind, text)
    return parser.whole(parser.condition())


@lru_cache(_CACHED)
def parse_update(text: str) -> tuple[Action, ...]:
    """Parse an UpdateExpression. Raises DynamoError."""
    parser = _Parser("UpdateExpression", text)
    return parser.whole(parser.update())


@lru_cache(_CACHED)
def parse_projection(text: str) -> tuple[Path, ...]:
    """Parse a ProjectionExpression. Raises DynamoError."""
    parser = _Parser("ProjectionExpression", text)
    return parser.whole(parser.projection())


class _Parser(Cursor):
    """One expression; each method consumes what it is named after."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self._operators = 0

    # ---- conditions ------------------------------------------------------------------------------------

    def condition(self) -> Condition:
        found = self._disjunction()
        if not _is_condition(found):
            raise self.syntax_error()
        return found  # type: ignore[return-value]  # checked in the line above

    def _disjunction(self) -> Condition | Operand:
        left = self._conjunction()
        while self.token.keyword == "OR":
            left = Or(self._as_condition(left), self._as_condition(self._next_operator(self._conjunction)))
        return left

    def _conjunction(self) -> Condition | Operand:
        left = self._negation()
        while self.token.keyword == "AND":
            left = And(self._as_condition(left), self._as_condition(self._next_operator(self._negation)))
        return left

    def _negation(self) -> Condition | Operand:
        if self.token.keyword == "NOT":
            return Not(self._as_condition(self._next_operator(self._negation)))
        return self._comparison()

    def _comparison(self) -> Condition | Operand:
        left = self._parenthesized() if self.token.text == "(" else self._operand()
        if _is_condition(left) and not isinstance(left, Call):
            return left
        operator = self.token.keyword
        if operator in COMPARATORS:
            return Comparison(operator, self._as_operand(left), self._next_operator(self._operand))
        if operator == "BETWEEN":
            low = self._next_operator(self._operand)
            self.take("AND")
            return Between(self._as_operand(left), low, self._operand())
        if operator == "IN":
            return In(self._as_operand(left), self._next_operator(self._arguments))
        return left

    def _parenthesized(self) -> Condition | Operand:
        opening = self.at
        inner = self._closing(opening + 1) if self.tokens[opening + 1].text == "(" else None
        if inner is not None and self._closing(opening) == inner + 1:
            raise self.error("The expression has redundant parentheses;")
        self.take("(")
        found = self._disjunction()
        self.take(")")
        return found

    def _closing(self, opening: int) -> int:
        """Return where the parenthesis closes that opens at a token, or the last token."""
        depth = 0
        for at in range(opening, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[at].text, 0)
            if depth == 0:
                return at
        return len(self.tokens) - 1

    def _next_operator(self, operand: Callable[[], T]) -> T:
        """Consume an operator and parse its right operand."""
        self.at += 1
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise self.error(
                "The expression contains too many operators;"
                f" operator count: {self._operators}, limit: {MAX_OPERATORS}"
            )
        return operand()

    def _as_condition(self, found: Condition | Operand) -> Condition:
        if not _is_condition(found):
            raise self.syntax_error()
        return found  # type: ignore[return-value]  # checked in the line above

    def _as_operand(self, found: Condition | Operand) -> Operand:
        if not isinstance(found, Path | ValueName | Call | Arithmetic):
            raise self.syntax_error()
        return found

    # ---- operands --------------------------------------------------------------------------------------

    def _operand(self) -> Operand:
        token = self.token
        if token.text == "(":
            self.at += 1
            inner = self._operand()
            self.take(")")
            return inner
        if token.kind == "value":
            self.at += 1
            return ValueName(token.text)
        if token.kind == "name" and self.tokens[self.at + 1].text == "(":
            self.at += 1
            if token.text not in FUNCTIONS:
                raise self.error(f"Invalid function name; function: {token.text}")
            return Call(token.text, self._arguments())
        return self._path()

    def _arguments(self) -> tuple[Operand, ...]:
        self.take("(")
        arguments = [self._operand()]
        while self.token.text == ",":
            self.at += 1
            arguments.append(self._operand())
        self.take(")")
        return tuple(arguments)

    def _path(self) -> Path:
        elements: list[str | int] = [self.take_one_of(_PATH_START).text]
        while self.token.text in (".", "["):
            is_name = self.token.text == "."
            self.at += 1
            if is_name:
                elements.append(self.take_one_of(_PATH_START).text)
            else:
                elements.append(int(self.take_one_of(frozenset({"index"})).text))
                self.take("]")
        return Path(tuple(elements))

    # ---- updates and projections -----------------------------------------------------------------------

    def update(self) -> tuple[Action, ...]:
        actions: list[Action] = []
        seen: set[str] = set()
        while True:
            clause = self.token.keyword
            if clause not in CLAUSES:
                raise self.syntax_error()
            if clause in seen:
                raise self.error(f'The "{clause}" section can only be used once in an update expression;')
            seen.add(clause)
            self.at += 1
            actions.append(self._action(clause))
            while self.token.text == ",":
                self.at += 1
                actions.append(self._action(clause))
            if self.token.kind == "end":
                return tuple(actions)

    def _action(self, clause: str) -> Action:
        path = self._path()
        if clause == "REMOVE":
            return Action(clause, path, None)
        if clause == "SET":
            self.take("=")
            return Action(clause, path, self._set_value())
        value = self.take_one_of(frozenset({"value"}))
        return Action(clause, path, ValueName(value.text))

    def _set_value(self) -> Operand:
        if self.token.text == "(" and self.tokens[self._closing(self.at) + 1].text not in ("+", "-"):
            self.at += 1
            value = self._set_value()
            self.take(")")
            return value
        left = self._operand()
        operator = self.token.text
        if operator not in ("+", "-"):
            return left
        self.at += 1
        return Arithmetic(operator, left, self._operand())

    def projection(self) -> tuple[Path, ...]:
        paths = [self._path()]
        while self.token.text == ",":
            self.at += 1
            paths.append(self._path())
        return tuple(paths)


def _is_condition(found: Condition | Operand) -> bool:
    return isinstance(found, Comparison | Between | In | And | Or | Not | Call)
