"""The connections to a SQLite database."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynamodb.sqlite_database import IDLE_READERS, SqliteDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(str(tmp_path / "chat.sqlite"))
    yield database
    database.close()


def is_open(reader: sqlite3.Connection) -> bool:
    try:
        return bool(reader.execute("SELECT 1").fetchone())
    except sqlite3.ProgrammingError:
        return False


def readers_of_a_burst(database: SqliteDatabase, count: int) -> list[sqlite3.Connection]:
    """Return the connections of so many reads at the same time, after their end."""
    with contextlib.ExitStack() as reads:
        return [reads.enter_context(database.reading()) for _ in range(count)]


def test_readers_of_a_burst_are_closed_but_for_a_few(database: SqliteDatabase) -> None:
    """Each has a cache, which would stay for ever."""
    readers = readers_of_a_burst(database, 2 * IDLE_READERS)
    assert sum(map(is_open, readers)) == IDLE_READERS
    assert set(readers_of_a_burst(database, IDLE_READERS)) == set(filter(is_open, readers)), "they are used again"


def test_reader_that_ends_after_the_database_is_closed(tmp_path: Path) -> None:
    database = SqliteDatabase(str(tmp_path / "chat.sqlite"))
    with database.reading() as reader:
        database.close()
    assert not is_open(reader)
