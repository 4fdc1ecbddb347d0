"""A recursive descent parser for expressions, with DynamoDB's own messages for what it cannot read.

The grammars are those of the developer guide: "Condition and filter expressions, operators, and functions",
"Update expressions", "Projection expressions" and "Key condition expressions". Expressions are parsed once and
cached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from local.dynamodb.errors import DynamoError, validation
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
from local.dynamodb.tokens import Token, tokenize

MAX_BYTES = 4096
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


class _Parser:
    """One expression; each method consumes what it is named after."""

    def __init__(self, kind: str, text: str) -> None:
        self._kind = kind
        self._text = text
        if not text.strip():
            raise self._error("The expression can not be empty;")
        size = len(text.encode())
        if size > MAX_BYTES:
            raise self._error(f"Expression size has exceeded the maximum allowed size; expression size: {size}")
        self._tokens = tokenize(text)
        self._at = 0
        self._operators = 0

    def whole(self, parsed: T) -> T:
        """Return the parsed expression. Raises DynamoError if something follows it."""
        if self._token.kind != "end":
            raise self._syntax_error()
        return parsed

    # ---- conditions ------------------------------------------------------------------------------------

    def condition(self) -> Condition:
        found = self._disjunction()
        if not _is_condition(found):
            raise self._syntax_error()
        return found  # type: ignore[return-value]  # checked in the line above

    def _disjunction(self) -> Condition | Operand:
        left = self._conjunction()
        while self._token.keyword == "OR":
            left = Or(self._as_condition(left), self._as_condition(self._next_operator(self._conjunction)))
        return left

    def _conjunction(self) -> Condition | Operand:
        left = self._negation()
        while self._token.keyword == "AND":
            left = And(self._as_condition(left), self._as_condition(self._next_operator(self._negation)))
        return left

    def _negation(self) -> Condition | Operand:
        if self._token.keyword == "NOT":
            return Not(self._as_condition(self._next_operator(self._negation)))
        return self._comparison()

    def _comparison(self) -> Condition | Operand:
        left = self._parenthesized() if self._token.text == "(" else self._operand()
        if _is_condition(left) and not isinstance(left, Call):
            return left
        operator = self._token.keyword
        if operator in COMPARATORS:
            return Comparison(operator, self._as_operand(left), self._next_operator(self._operand))
        if operator == "BETWEEN":
            low = self._next_operator(self._operand)
            self._take("AND")
            return Between(self._as_operand(left), low, self._operand())
        if operator == "IN":
            return In(self._as_operand(left), self._next_operator(self._arguments))
        return left

    def _parenthesized(self) -> Condition | Operand:
        opening = self._at
        inner = self._closing(opening + 1) if self._tokens[opening + 1].text == "(" else None
        if inner is not None and self._closing(opening) == inner + 1:
            raise self._error("The expression has redundant parentheses;")
        self._take("(")
        found = self._disjunction()
        self._take(")")
        return found

    def _closing(self, opening: int) -> int:
        """Return where the parenthesis closes that opens at a token, or the last token."""
        depth = 0
        for at in range(opening, len(self._tokens)):
            depth += {"(": 1, ")": -1}.get(self._tokens[at].text, 0)
            if depth == 0:
                return at
        return len(self._tokens) - 1

    def _next_operator(self, operand: Callable[[], T]) -> T:
        """Consume an operator and parse its right operand."""
        self._at += 1
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise self._error(
                "The expression contains too many operators;"
                f" operator count: {self._operators}, limit: {MAX_OPERATORS}"
            )
        return operand()

    def _as_condition(self, found: Condition | Operand) -> Condition:
        if not _is_condition(found):
            raise self._syntax_error()
        return found  # type: ignore[return-value]  # checked in the line above

    def _as_operand(self, found: Condition | Operand) -> Operand:
        if not isinstance(found, Path | ValueName | Call | Arithmetic):
            raise self._syntax_error()
        return found

    # ---- operands --------------------------------------------------------------------------------------

    def _operand(self) -> Operand:
        token = self._token
        if token.text == "(":
            self._at += 1
            inner = self._operand()
            self._take(")")
            return inner
        if token.kind == "value":
            self._at += 1
            return ValueName(token.text)
        if token.kind == "name" and self._tokens[self._at + 1].text == "(":
            self._at += 1
            if token.text not in FUNCTIONS:
                raise self._error(f"Invalid function name; function: {token.text}")
            return Call(token.text, self._arguments())
        return self._path()

    def _arguments(self) -> tuple[Operand, ...]:
        self._take("(")
        arguments = [self._operand()]
        while self._token.text == ",":
            self._at += 1
            arguments.append(self._operand())
        self._take(")")
        return tuple(arguments)

    def _path(self) -> Path:
        elements: list[str | int] = [self._take_one_of(_PATH_START).text]
        while self._token.text in (".", "["):
            is_name = self._token.text == "."
            self._at += 1
            if is_name:
                elements.append(self._take_one_of(_PATH_START).text)
            else:
                elements.append(int(self._take_one_of(frozenset({"index"})).text))
                self._take("]")
        return Path(tuple(elements))

    # ---- updates and projections -----------------------------------------------------------------------

    def update(self) -> tuple[Action, ...]:
        actions: list[Action] = []
        seen: set[str] = set()
        while True:
            clause = self._token.keyword
            if clause not in CLAUSES:
                raise self._syntax_error()
            if clause in seen:
                raise self._error(f'The "{clause}" section can only be used once in an update expression;')
            seen.add(clause)
            self._at += 1
            actions.append(self._action(clause))
            while self._token.text == ",":
                self._at += 1
                actions.append(self._action(clause))
            if self._token.kind == "end":
                return tuple(actions)

    def _action(self, clause: str) -> Action:
        path = self._path()
        if clause == "REMOVE":
            return Action(clause, path, None)
        if clause == "SET":
            self._take("=")
            return Action(clause, path, self._set_value())
        value = self._take_one_of(frozenset({"value"}))
        return Action(clause, path, ValueName(value.text))

    def _set_value(self) -> Operand:
        if self._token.text == "(" and self._tokens[self._closing(self._at) + 1].text not in ("+", "-"):
            self._at += 1
            value = self._set_value()
            self._take(")")
            return value
        left = self._operand()
        operator = self._token.text
        if operator not in ("+", "-"):
            return left
        self._at += 1
        return Arithmetic(operator, left, self._operand())

    def projection(self) -> tuple[Path, ...]:
        paths = [self._path()]
        while self._token.text == ",":
            self._at += 1
            paths.append(self._path())
        return tuple(paths)

    # ---- tokens ----------------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> None:
        if self._token.keyword != text:
            raise self._syntax_error()
        self._at += 1

    def _take_one_of(self, kinds: frozenset[str]) -> Token:
        token = self._token
        if token.kind not in kinds:
            raise self._syntax_error()
        self._at += 1
        return token

    def _syntax_error(self) -> DynamoError:
        """Return the error for the present token; it shows the text from the token before to the one after."""
        token = self._token
        before = self._tokens[max(self._at - 1, 0)]
        after = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        near = self._text[before.start : after.end]
        return self._error(f'Syntax error; token: "{token.text}", near: "{near}"')

    def _error(self, message: str) -> DynamoError:
        return validation(f"Invalid {self._kind}: {message}")


def _is_condition(found: Condition | Operand) -> bool:
    return isinstance(found, Comparison | Between | In | And | Or | Not | Call)
