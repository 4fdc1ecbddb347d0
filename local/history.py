"""The history id of the embedded store (`CHAT_HISTORY_ID`).

A data directory keeps its id in a file. A copy of the directory is another history, because the original may have
continued: it gets a new id when it is opened. Data in memory have a new id at each start.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from chalicelib.core.kernel.history_id import HistoryId

FILE = "history.json"


def milliseconds() -> int:
    """Return the milliseconds since the epoch: the number of a new id, which is higher than earlier ones."""
    return time.time_ns() // 1_000_000


def memory_history_id(table: str, now: int | None = None) -> HistoryId:
    """Return the history id of data that are kept in memory."""
    return HistoryId(milliseconds() if now is None else now, table)


def directory_history_id(directory: Path, table: str, now: int | None = None) -> HistoryId:
    """Return the history id of the data in an existing directory, which keeps its number.

    A directory without an id gets a new one, and so does one that was copied or moved. `now`, in milliseconds
    since the epoch, is the new number, or one more than the old number if that is higher.
    """
    number = milliseconds() if now is None else now
    kept, place = _read(directory / FILE), _place(directory)
    if kept is not None:
        if kept["place"] == place:
            return HistoryId(kept["number"], table)
        number = max(number, kept["number"] + 1)
    _write(directory / FILE, number, place)
    return HistoryId(number, table)


def copy_history_id(source: Path, target: Path) -> None:
    """Write the number of a directory into a backup of it, which gets a higher one wherever it is opened."""
    kept = _read(source / FILE)
    if kept is not None:
        _write(target / FILE, kept["number"], None)


def _place(directory: Path) -> list[str | int]:
    """Return path and inode: a copy may have taken the place of the original."""
    return [str(directory.resolve()), directory.stat().st_ino]


def _read(file: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return kept


def _write(file: Path, number: int, place: list[str | int] | None) -> None:
    written = file.with_suffix(".new")
    with written.open("w", encoding="utf-8") as output:
        json.dump({"number": number, "place": place}, output)
        output.flush()
        os.fsync(output.fileno())
    written.replace(file)
