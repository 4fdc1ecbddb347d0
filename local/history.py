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
MARK = "history.mark"
"""An empty file. The time of its last change is not copied with it, unlike all that a file contains."""


def milliseconds() -> int:
    """Return the milliseconds since the epoch: the number of a new id, which is higher than earlier ones."""
    return time.time_ns() // 1_000_000


def memory_history_id(table: str, now: int | None = None) -> HistoryId:
    """Return the history id of data that are kept in memory."""
    return HistoryId(milliseconds() if now is None else now, table)


def directory_history_id(directory: Path, table: str, now: int | None = None) -> HistoryId:
    """Return the history id of the data in an existing directory, which keeps its number.

    A directory without an id gets a new one, and so does one that was copied or moved. `now`, in milliseconds
    since the epoch, is the new number, or one more than the old number if that is higher. Raises OSError, and
    ValueError if the file with the number is damaged.
    """
    number = milliseconds() if now is None else now
    kept, place = _read(directory / FILE), _place(directory)
    if kept is not None:
        if kept.get("place") == place:
            return HistoryId(kept["number"], table)
        number = max(number, kept["number"] + 1)
    (directory / MARK).unlink(missing_ok=True)
    (directory / MARK).touch()
    _write(directory / FILE, number, _place(directory))
    return HistoryId(number, table)


def copy_history_id(source: Path, target: Path) -> None:
    """Write the number of a directory into a backup of it, which gets a higher one wherever it is opened."""
    kept = _read(source / FILE)
    if kept is not None:
        _write(target / FILE, kept["number"], None)


def _place(directory: Path) -> list[str | int]:
    """Return the identity of a directory: a copy in its place has the same path, and often the same inode."""
    try:
        marked_at = (directory / MARK).stat().st_ctime_ns
    except FileNotFoundError:
        marked_at = 0
    return [str(directory.resolve()), directory.stat().st_ino, marked_at]


def _read(file: Path) -> dict[str, Any] | None:
    try:
        kept: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{file.name} is damaged: {error}") from None
    if not isinstance(kept, dict) or type(kept.get("number")) is not int:
        raise ValueError(f"{file.name} is damaged: it has no number")
    return kept


def _write(file: Path, number: int, place: list[str | int] | None) -> None:
    written = file.with_name(f"{file.name}.new")
    with written.open("w", encoding="utf-8") as output:
        json.dump({"number": number, "place": place}, output)
        output.flush()
        os.fsync(output.fileno())
    written.replace(file)
