"""Random operations on a few items, as hypothesis draws them: every operation, every function, every type.

They are drawn so that many of them hold and all of them make sense, and now and then one is wrong.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.dynamodb.targets import key

Value = dict[str, Any]
PARTITIONS = ("p", "q")
SORT_KEYS = ("a", "a1", "a10", "a2", "b", "ä", "😀")
ATTRIBUTES = ("n", "s", "l", "m", "tags", "numbers", "flag", "bytes1")
ALWAYS_USUAL = ("n", "s", "l", "bytes1")
"""Attributes on which functions and arithmetic depend: MiniStack does not check the types of their operands."""
SIZED = ("s", "l", "bytes1")
COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
NUMBERS = ("0", "1", "2", "10", "-3", "1.50", "1e3", "0.001", "123456789012345678901234")

numbers: SearchStrategy[Value] = st.sampled_from(NUMBERS).map(lambda text: {"N": text})
texts: SearchStrategy[Value] = st.sampled_from(("", "x", "xy", "ä", "y")).map(lambda text: {"S": text})
binaries: SearchStrategy[Value] = st.binary(max_size=2).map(lambda raw: {"B": base64.b64encode(raw).decode()})
sets: SearchStrategy[Value] = st.one_of(
    st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members}),
    st.lists(st.sampled_from("123"), min_size=1, max_size=3, unique=True).map(lambda members: {"NS": members}),
)
scalars = st.one_of(numbers, texts, binaries, st.booleans().map(lambda b: {"BOOL": b}), st.just({"NULL": True}))
containers = st.one_of(
    st.lists(scalars, max_size=3).map(lambda elements: {"L": elements}),
    st.dictionaries(st.sampled_from(("x", "y")), scalars, max_size=2).map(lambda members: {"M": members}),
)
any_value = st.one_of(scalars, sets, containers)
ordered = st.one_of(numbers, texts, binaries)
keys = st.tuples(st.sampled_from(PARTITIONS), st.sampled_from(SORT_KEYS)).map(lambda pair: key(*pair))
_USUAL: Mapping[str, SearchStrategy[Value]] = {
    "n": numbers,
    "s": texts,
    "l": st.lists(scalars, max_size=3).map(lambda elements: {"L": elements}),
    "m": st.dictionaries(st.sampled_from(("x", "y")), numbers, max_size=2).map(lambda members: {"M": members}),
    "tags": st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True).map(lambda found: {"SS": found}),
    "numbers": st.lists(st.sampled_from("123"), min_size=1, unique=True).map(lambda found: {"NS": found}),
    "flag": st.booleans().map(lambda flag: {"BOOL": flag}),
    "bytes1": binaries,
}


@st.composite
def items(draw: DrawFn) -> Value:
    """Draw an item whose attributes have their usual types, mostly."""
    item = dict(draw(keys))
    for name in draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=5, unique=True)):
        is_usual = name in ALWAYS_USUAL or draw(st.integers(0, 5)) > 0
        item[name] = draw(_USUAL[name] if is_usual else any_value)
    return item


@dataclass
class Writer:
    """Writes one request's expressions; collects its names and values."""

    draw: DrawFn
    names: dict[str, str]
    values: dict[str, Value]

    def path(self, *, deep: bool = True) -> str:
        """Write a document path."""
        text = self.name(self.draw(st.sampled_from(ATTRIBUTES)))
        if deep and self.draw(st.integers(0, 3)) == 0:
            text += self.draw(st.sampled_from(("[0]", "[1]", "[5]", ".#x", ".y")))
            if text.endswith(".#x"):
                self.names["#x"] = "x"
        return text

    def name(self, attribute: str) -> str:
        """Write an attribute's name, by an alias or as it is."""
        if self.draw(st.booleans()):
            return attribute
        self.names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, drawn: SearchStrategy[Value] = any_value) -> str:
        """Write a placeholder for a new value."""
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = self.draw(drawn)
        return placeholder

    def comparison(self) -> str:
        """Write a comparison of two different operands."""
        operator = self.draw(st.sampled_from(COMPARATORS))
        drawn = any_value if operator in ("=", "<>") else ordered
        match self.draw(st.integers(0, 4)):
            case 0:
                sized = self.name(self.draw(st.sampled_from(SIZED)))
                return f"size({sized}) {operator} {self.value(numbers)}"
            case 1:
                first, second = self.draw(st.permutations(ATTRIBUTES))[:2]
                return (
                    f"{self.name(first)} {self.draw(st.sampled_from(('<', '<=', '>', '>=')))} {self.name(second)}"
                )
        return f"{self.path()} {operator} {self.value(drawn)}"

    def condition(self, depth: int = 2) -> str:
        """Write a condition."""
        kind = self.draw(st.integers(0, 9 if depth else 6))
        match kind:
            case 0 | 1:
                return self.comparison()
            case 2:
                function = self.draw(st.sampled_from(("attribute_exists", "attribute_not_exists")))
                return f"{function}({self.path()})"
            case 3:
                if self.draw(st.booleans()):
                    return f"begins_with({self.name('s')}, {self.value(texts)})"
                return f"contains({self.path()}, {self.value()})"
            case 4:
                low, high = self.value(st.just({"N": "1"})), self.value(st.just({"N": "1.5e1"}))
                return f"{self.path()} BETWEEN {low} AND {high}"
            case 5:
                options = ", ".join(self.value() for _ in range(self.draw(st.integers(1, 3))))
                return f"{self.path()} IN ({options})"
            case 6:
                kinds = st.sampled_from(("S", "N", "L", "SS")).map(lambda text: {"S": text})
                return f"attribute_type({self.path()}, {self.value(kinds)})"
            case 7:
                return f"NOT {self.condition(depth - 1)}"
            case _:
                joint = self.draw(st.sampled_from(("AND", "OR")))
                return f"({self.condition(depth - 1)}) {joint} {self.condition(depth - 1)}"

    def update(self) -> str:
        """Write an update: a few actions on different attributes."""
        free = list(self.draw(st.permutations(ATTRIBUTES)))
        clauses: dict[str, list[str]] = {}
        for _ in range(self.draw(st.integers(1, 3))):
            attribute = free.pop()
            clause = self.draw(st.sampled_from(("SET", "SET", "REMOVE", "ADD", "DELETE")))
            clauses.setdefault(clause, []).append(self.action(clause, attribute))
        return " ".join(f"{clause} {', '.join(actions)}" for clause, actions in clauses.items())

    def action(self, clause: str, attribute: str) -> str:
        """Write one action."""
        usual, is_set = _USUAL[attribute], attribute in ("tags", "numbers")
        if clause in ("ADD", "DELETE") and not is_set and (clause, attribute) != ("ADD", "n"):
            return f"{self.name(f'other_{attribute}')} {self.value(_USUAL['tags'])}"
        path = self.name(attribute)
        if clause == "REMOVE":
            return path
        if clause in ("ADD", "DELETE"):
            return f"{path} {self.value(usual)}"
        kind = self.draw(st.integers(0, 5))
        if kind == 0:
            return f"{path} = if_not_exists({path}, {self.value(usual)})"
        if kind == 1 and attribute == "n":
            return f"{path} = {path} {self.draw(st.sampled_from('+-'))} {self.value(numbers)}"
        if kind == 2 and attribute == "l":
            return f"{path} = list_append({path}, {self.value(usual)})"
        if kind == 3 and attribute in ("l", "m"):
            inner = self.draw(st.sampled_from(("[0]", "[7]") if attribute == "l" else (".x", ".y")))
            return f"{path}{inner} = {self.value(usual)}"
        return f"{path} = {self.value(usual)}"

    def arguments(self, **more: Any) -> dict[str, Any]:
        """Return the arguments with the names and values that were written."""
        if self.names:
            more["ExpressionAttributeNames"] = self.names
        if self.values:
            more["ExpressionAttributeValues"] = self.values
        return more


Request = tuple[str, dict[str, Any]]
_OLD = st.sampled_from(("NONE", "ALL_OLD"))
_ANY_RETURN = st.sampled_from(("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"))


@st.composite
def requests(draw: DrawFn, table: str) -> Request:
    """Draw one request of any operation."""
    operation = draw(
        st.sampled_from(
            (
                "GetItem", "PutItem", "PutItem", "UpdateItem", "UpdateItem", "DeleteItem", "Query", "Query",
                "BatchGetItem", "BatchWriteItem", "TransactWriteItems",
            )
        )
    )  # fmt: skip
    if operation == "BatchGetItem":
        found = draw(st.lists(keys, min_size=1, max_size=4, unique_by=repr))
        return operation, {"RequestItems": {table: {"Keys": found, "ConsistentRead": True}}}
    if operation == "BatchWriteItem":
        return operation, {"RequestItems": {table: draw(_batch())}}
    if operation == "TransactWriteItems":
        return operation, {"TransactItems": draw(_transaction(table))}
    return operation, {"TableName": table, **draw(_single(operation))}


@st.composite
def _batch(draw: DrawFn) -> list[dict[str, Any]]:
    drawn = draw(
        st.lists(items(), min_size=1, max_size=4, unique_by=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    )
    return [
        {"PutRequest": {"Item": item}}
        if draw(st.booleans())
        else {"DeleteRequest": {"Key": {"pk": item["pk"], "sk": item["sk"]}}}
        for item in drawn
    ]


@st.composite
def _single(draw: DrawFn, operation: str) -> dict[str, Any]:
    writer = Writer(draw, {}, {})
    if operation == "GetItem":
        projected = {}
        if draw(st.booleans()):
            paths = draw(st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3, unique=True))
            projected["ProjectionExpression"] = ", ".join(writer.name(path) for path in paths)
        return writer.arguments(Key=draw(keys), ConsistentRead=True, **projected)
    if operation == "Query":
        return draw(_query(writer))
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["ConditionExpression"] = writer.condition()
        more["ReturnValuesOnConditionCheckFailure"] = draw(_OLD)
    if operation == "UpdateItem":
        more["UpdateExpression"] = writer.update()
    more["ReturnValues"] = draw(_ANY_RETURN if operation == "UpdateItem" else _OLD)
    more |= {"Item": draw(items())} if operation == "PutItem" else {"Key": draw(keys)}
    return writer.arguments(**more)


@st.composite
def _query(draw: DrawFn, writer: Writer) -> dict[str, Any]:
    writer.values[":pk"] = {"S": draw(st.sampled_from(PARTITIONS))}
    sort_keys = st.sampled_from(SORT_KEYS).map(lambda text: {"S": text})
    condition = "pk = :pk"
    match draw(st.integers(0, 3)):
        case 0:
            operator = draw(st.sampled_from(("=", "<", "<=", ">", ">=")))
            condition += f" AND sk {operator} {writer.value(sort_keys)}"
        case 1:
            low, high = sorted(draw(st.tuples(st.sampled_from(SORT_KEYS), st.sampled_from(SORT_KEYS))))
            condition += (
                f" AND sk BETWEEN {writer.value(st.just({'S': low}))} AND {writer.value(st.just({'S': high}))}"
            )
        case 2:
            condition += f" AND begins_with(sk, {writer.value(sort_keys)})"
    more: dict[str, Any] = {"KeyConditionExpression": condition, "ScanIndexForward": draw(st.booleans())}
    if draw(st.booleans()):
        more["Limit"] = draw(st.integers(1, 4))
    if draw(st.integers(0, 2)) == 0:
        more["FilterExpression"] = writer.condition(1)
    if draw(st.integers(0, 3)) == 0:
        more["Select"] = "COUNT"
    return writer.arguments(ConsistentRead=True, **more)


@st.composite
def _transaction(draw: DrawFn, table: str) -> list[dict[str, Any]]:
    actions = []
    for name in draw(st.lists(keys, min_size=1, max_size=4, unique_by=repr)):
        writer = Writer(draw, {}, {})
        kind = draw(st.sampled_from(("Put", "Update", "Delete", "ConditionCheck")))
        more: dict[str, Any] = {"TableName": table}
        if kind == "ConditionCheck" or draw(st.booleans()):
            more["ConditionExpression"] = writer.condition(1)
            more["ReturnValuesOnConditionCheckFailure"] = draw(_OLD)
        if kind == "Update":
            more["UpdateExpression"] = writer.update()
        more |= {"Item": {**draw(items()), **name}} if kind == "Put" else {"Key": name}
        actions.append({kind: writer.arguments(**more)})
    return actions
