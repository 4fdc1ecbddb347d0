"""Conditions and filters as functions of an item and the request's values.

See the developer guide, "Condition and filter expressions, operators, and functions". Operands of a wrong type
and a wrong number of operands are refused here, before any item is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.dynamodb import values as typed
from local.dynamodb.comparisons import LENGTHS, ORDERINGS, begins_with, contains, equal, in_order, size_of
from local.dynamodb.errors import DynamoError, validation
from local.dynamodb.paths import format_path, getter
from local.dynamodb.placeholders import Placeholders, ResolvedPath
from local.dynamodb.syntax import And, Between, Call, Comparison, Condition, In, Not, Operand, Or, Path, ValueName
from local.dynamodb.values import ORDERED_TYPES, TYPE_NAMES, Item, Value

Values = Mapping[str, Value]
Test = Callable[[Item, Values], bool]
Getter = Callable[[Item, Values], Value | None]
Check = Callable[[Values], None]

MAX_OPTIONS = 100
_CONDITION_FUNCTIONS = ("attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains")
_UPDATE_FUNCTIONS = ("if_not_exists", "list_append")
_OPERAND_COUNTS = {
    "attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2,
    "size": 1,
}  # fmt: skip


@dataclass
class ConditionCompiler:
    """Turns one parsed condition into a function; `kind` names the parameter in messages."""

    kind: str
    placeholders: Placeholders
    paths: list[ResolvedPath] = field(default_factory=list)
    """The document paths in the condition."""
    checks: list[Check] = field(default_factory=list)
    """Checks of the values of each request, to be run before any item is read."""

    def compile(self, condition: Condition) -> Test:
        """Return the function. Raises DynamoError."""
        match condition:
            case Comparison():
                return self._comparison(condition)
            case And(left, right):
                first, second = self.compile(left), self.compile(right)
                return lambda item, values: first(item, values) and second(item, values)
            case Or(left, right):
                first, second = self.compile(left), self.compile(right)
                return lambda item, values: first(item, values) or second(item, values)
            case Not(inner):
                negated = self.compile(inner)
                return lambda item, values: not negated(item, values)
            case Between():
                return self._between(condition)
            case In(operand, options):
                return self._in(operand, options)
            case Call():
                return self._function(condition)

    # ---- operators -------------------------------------------------------------------------------------

    def _comparison(self, comparison: Comparison) -> Test:
        operator = comparison.operator
        left, right = self._operand(comparison.left), self._operand(comparison.right)
        self._raise_if_same(operator, comparison.left, comparison.right)
        if operator in ("=", "<>"):
            wanted = operator == "="
            return lambda item, values: equal(left(item, values), right(item, values)) is wanted
        self._raise_unless_ordered(operator, comparison.left, comparison.right)
        compare = ORDERINGS[operator]
        return lambda item, values: in_order(left(item, values), right(item, values), compare)

    def _between(self, between: Between) -> Test:
        operand, low, high = map(self._operand, (between.operand, between.low, between.high))
        self._raise_unless_ordered("BETWEEN", between.operand, between.low, between.high)
        if isinstance(between.low, ValueName) and isinstance(between.high, ValueName):
            self.checks.append(bounds_check(self.kind, between.low.name, between.high.name))

        def test(item: Item, values: Values) -> bool:
            value = operand(item, values)
            return in_order(low(item, values), value, ORDERINGS["<="]) and in_order(
                value, high(item, values), ORDERINGS["<="]
            )

        return test

    def _in(self, operand: Operand, options: tuple[Operand, ...]) -> Test:
        if len(options) > MAX_OPTIONS:
            raise self._wrong_count("IN", len(options) + 1)
        value, candidates = self._operand(operand), [self._operand(option) for option in options]

        def test(item: Item, values: Values) -> bool:
            found = value(item, values)
            return any(equal(found, candidate(item, values)) for candidate in candidates)

        return test

    # ---- functions -------------------------------------------------------------------------------------

    def _function(self, call: Call) -> Test:
        if call.function not in _CONDITION_FUNCTIONS:
            raise self._not_allowed(call.function)
        self._check_count(call)
        if call.function.startswith("attribute_") and not isinstance(call.arguments[0], Path):
            raise self._error(
                f"Operator or function requires a document path; operator or function: {call.function}"
            )
        compiled = [self._operand(argument) for argument in call.arguments]
        match call.function:
            case "attribute_exists":
                return lambda item, values: compiled[0](item, values) is not None
            case "attribute_not_exists":
                return lambda item, values: compiled[0](item, values) is None
            case "attribute_type":
                return self._attribute_type(call, compiled[0])
            case "begins_with":
                self._require_types(call.function, call.arguments, frozenset({"S", "B"}))
                self._raise_if_same(call.function, *call.arguments)
                return lambda item, values: begins_with(compiled[0](item, values), compiled[1](item, values))
            case _:
                self._raise_if_same(call.function, *call.arguments)
                return lambda item, values: contains(compiled[0](item, values), compiled[1](item, values))

    def _attribute_type(self, call: Call, value: Getter) -> Test:
        argument = call.arguments[1]
        self._require_types(call.function, (argument,), frozenset({"S"}))
        if not isinstance(argument, ValueName):
            raise self._error(f"Operator or function requires a value; operator or function: {call.function}")
        name = argument.name

        def check(values: Values) -> None:
            wanted = values[name]["S"]
            if wanted not in TYPE_NAMES:
                raise self._error(
                    f"Invalid attribute type name found; type: {wanted},"
                    " valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
                )

        self.checks.append(check)

        def test(item: Item, values: Values) -> bool:
            found = value(item, values)
            return found is not None and values[name]["S"] in found

        return test

    def _operand(self, operand: Operand) -> Getter:
        match operand:
            case Path():
                path = self.placeholders.resolve(self.kind, operand)
                self.paths.append(path)
                get = getter(path)
                return lambda item, values: get(item)
            case ValueName(name):
                self.placeholders.type_of(self.kind, name)
                return lambda item, values: values[name]
            case Call("size", arguments):
                self._check_count(operand)
                if not isinstance(arguments[0], Path):
                    self._require_types("size", arguments, frozenset(LENGTHS))
                measured = self._operand(arguments[0])
                return lambda item, values: size_of(measured(item, values))
            case Call(function):
                raise self._not_allowed(function)
        raise self._error(f"Syntax error; operator: {operand.operator}")

    # ---- checks without an item ------------------------------------------------------------------------

    def _not_allowed(self, function: str) -> DynamoError:
        if function in _UPDATE_FUNCTIONS:
            return self._error(f"The function is not allowed in a condition expression; function: {function}")
        return self._error(
            f"The function is not allowed to be used this way in an expression; function: {function}"
        )

    def _check_count(self, call: Call) -> None:
        if len(call.arguments) != _OPERAND_COUNTS[call.function]:
            raise self._wrong_count(call.function, len(call.arguments))

    def _wrong_count(self, operator: str, count: int) -> DynamoError:
        return self._error(
            "Incorrect number of operands for operator or function;"
            f" operator or function: {operator}, number of operands: {count}"
        )

    def _raise_unless_ordered(self, operator: str, *operands: Operand) -> None:
        self._require_types(operator, operands, ORDERED_TYPES, label="operator")

    def _require_types(
        self,
        operator: str,
        operands: tuple[Operand, ...],
        allowed: frozenset[str],
        label: str = "operator or function",
    ) -> None:
        for operand in operands:
            if isinstance(operand, ValueName):
                kind = self.placeholders.type_of(self.kind, operand.name)
                if kind not in allowed:
                    raise self._error(
                        f"Incorrect operand type for operator or function; {label}: {operator},"
                        f" operand type: {kind}"
                    )

    def _raise_if_same(self, operator: str, left: Operand, right: Operand) -> None:
        if isinstance(left, Path) and left == right:
            path = self.placeholders.resolve(self.kind, left)
            raise self._error(
                "The first operand must be distinct from the remaining operands for this operator or function;"
                f" operator: {operator}, first operand: {format_path(path)}"
            )

    def _error(self, message: str) -> DynamoError:
        return validation(f"Invalid {self.kind}: {message}")


def bounds_check(kind: str, low: str, high: str) -> Check:
    """Return the check that the upper bound of a BETWEEN is not below the lower one, and of its type."""

    def check(values: Values) -> None:
        lower, upper = values[low], values[high]
        bounds = (
            f"lower bound operand: AttributeValue: {_shown(lower)},"
            f" upper bound operand: AttributeValue: {_shown(upper)}"
        )
        if typed.type_of(lower) != typed.type_of(upper):
            raise validation(
                f"Invalid {kind}: The BETWEEN operator requires same data type for lower and upper bounds;"
                f" {bounds}"
            )
        order = typed.ordered(lower, upper)
        if order is not None and order[0] > order[1]:
            raise validation(
                f"Invalid {kind}: The BETWEEN operator requires upper bound to be greater than or equal to lower"
                f" bound; {bounds}"
            )

    return check


def _shown(value: Value) -> str:
    ((kind, content),) = value.items()
    return f"{{{kind}:{content}}}"
