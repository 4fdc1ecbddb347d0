"""The statements on one table of items."""

# ruff: noqa: S608  # the only thing put into these texts is the number of a table

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local.dynamodb.storage import RangeRead


class Statements:
    """SQL for the table with a number. SQLite keeps statements prepared by their text, so each is built once."""

    def __init__(self, number: int) -> None:
        name = f"items_{number}"
        self._name = name
        self._ranges: dict[tuple[str | None, str | None, bool], str] = {}
        self.create: Sequence[str] = (
            f"CREATE TABLE {name} (pk NOT NULL, sk NOT NULL, item TEXT NOT NULL, expires_at INTEGER,"
            " PRIMARY KEY (pk, sk)) WITHOUT ROWID",
            f"CREATE INDEX expiry_{number} ON {name} (expires_at) WHERE expires_at IS NOT NULL",
        )
        self.drop = f"DROP TABLE {name}"
        self.get = f"SELECT item FROM {name} WHERE pk = ? AND sk = ?"
        self.all = f"SELECT item FROM {name} ORDER BY pk, sk"
        self.put = f"INSERT OR REPLACE INTO {name} (pk, sk, item, expires_at) VALUES (?, ?, ?, ?)"
        self.delete = f"DELETE FROM {name} WHERE pk = ? AND sk = ?"
        self.expired = f"SELECT item FROM {name} WHERE expires_at BETWEEN ? AND ? ORDER BY expires_at LIMIT ?"
        self.update_expiry = f"UPDATE {name} SET expires_at = expiry(item)"
        self.count = f"SELECT count(*), total(length(item)) FROM {name}"

    def range(self, read: RangeRead) -> tuple[str, list[Any]]:
        """Return the statement that joins the items of a range, and its parameters."""
        low, high = read.keys.low, read.keys.high
        low_operator = ">=" if read.keys.includes_low else ">"
        high_operator = "<=" if read.keys.includes_high else "<"
        if read.after is not None and read.forward:
            low, low_operator = read.after, ">"
        elif read.after is not None:
            high, high_operator = read.after, "<"
        shape = (
            low_operator if low is not None else None,
            high_operator if high is not None else None,
            read.forward,
        )
        statement = self._ranges.get(shape)
        if statement is None:
            statement = self._ranges[shape] = self._range(*shape)
        bounds = [bound for bound in (low, high) if bound is not None]
        return statement, [read.pk, *bounds, read.limit]

    def _range(self, low: str | None, high: str | None, forward: bool) -> str:
        bounds = "".join(f" AND sk {operator} ?" for operator in (low, high) if operator)
        order = "ASC" if forward else "DESC"
        return (
            "SELECT group_concat(item) FROM"
            f" (SELECT item FROM {self._name} WHERE pk = ?{bounds} ORDER BY sk {order} LIMIT ?)"
        )
