"""One process owns a directory; its format is checked; it is copied while it is in use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.dynamodb.directory import FILE, OWNER, Directory, backup
from local.dynamodb.engine import Engine
from local.embedded import embedded_services
from local.errors import LocalError
from local.history import FILE as HISTORY_FILE
from local.history import directory_history_id
from tests.dynamodb.targets import OperationFailed, Target, in_process, item


def test_second_opener_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with (
        Directory(tmp_path),
        pytest.raises(LocalError, match=f"in use by another instance \\(process {os.getpid()}\\)"),
    ):
        Directory(tmp_path)

    with Directory(tmp_path):
        """The first one has given it up."""


def test_opener_in_another_process_is_refused_and_gets_the_directory_after_a_kill(tmp_path: Path) -> None:
    program = "import sys, time\nfrom pathlib import Path\nfrom local.dynamodb.directory import Directory\n"
    program += "directory = Directory(Path(sys.argv[1]))\nprint('open', flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(LocalError, match=f"process {child.pid}"):
            Directory(tmp_path)
        child.kill()

    with Directory(tmp_path):
        assert (tmp_path / OWNER).read_text() == f"{os.getpid()}\n"


def test_unknown_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    with Directory(tmp_path) as directory:
        directory.storage.execute("PRAGMA user_version = 7")

    with pytest.raises(LocalError, match=r"has the format 7, and this version of the engine knows the format 1"):
        Directory(tmp_path)
    with pytest.raises(LocalError, match="has the format 7"):
        backup(tmp_path, tmp_path / "copy")


def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("CREATE TABLE something (x)")
    with pytest.raises(LocalError, match="belongs to another program"):
        Directory(tmp_path)

    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(LocalError, match="cannot be read as a database"):
        Directory(tmp_path)


def test_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LocalError, match="cannot be written"):
        Directory(tmp_path / "file")


def test_synchronous_full_is_an_option(tmp_path: Path) -> None:
    with Directory(tmp_path, synchronous="FULL") as directory:
        assert directory.storage.execute("PRAGMA synchronous") == (2,)
        assert directory.storage.execute("PRAGMA journal_mode") == ("wal",)


def test_backup_is_what_was_there_at_one_moment(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "copies" / "target"
    stop = threading.Event()
    with Directory(source) as directory:
        toys = Target("file", in_process(Engine(directory.storage)))
        for sk in ("a", "b"):
            toys.put("p", sk, n=0)

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                items = [item("p", sk, n=number) for sk in ("a", "b")]
                puts = [{"Put": {"TableName": toys.table, "Item": each}} for each in items]
                toys.call("TransactWriteItems", TransactItems=puts)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            backup(source, target)
        finally:
            stop.set()
            writer.join()
        toys.put("p", "later")

    with Directory(target) as copy:
        engine = Engine(copy.storage)
        page = engine.call(
            "Query",
            {
                "TableName": toys.table,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": "p"}},
            },
        )
        first, second = page["Items"]
        assert first["n"] == second["n"]
        engine.call("PutItem", {"TableName": toys.table, "Item": first})  # the copy can be written to


def test_backup_into_a_used_directory_is_refused(tmp_path: Path) -> None:
    for name in ("source", "target"):
        with Directory(tmp_path / name):
            """It exists now."""

    with pytest.raises(LocalError, match=f"target is not empty \\({FILE}\\)"):
        backup(tmp_path / "source", tmp_path / "target")
    with pytest.raises(LocalError, match="There is no database"):
        backup(tmp_path / "nowhere", tmp_path / "new")


def test_deleted_file_is_reported_while_it_is_open_and_at_the_end(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    directory.check()
    (tmp_path / FILE).rename(tmp_path / "moved")
    with pytest.raises(LocalError, match="was deleted or replaced by another program"):
        directory.check()
    with pytest.raises(LocalError, match="was deleted or replaced by another program"):
        directory.close()

    with Directory(tmp_path):
        """It was given up nevertheless."""


def test_operation_after_the_end_fails_without_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = Directory(tmp_path)
    target = Target("file", in_process(Engine(directory.storage)))
    directory.close()
    with pytest.raises(OperationFailed, match="Internal server error"):
        target.put("p", "a")
    assert caplog.records == []


def test_directory_with_the_state_of_ministack_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dynamodb.json").write_text("{}")
    with pytest.raises(LocalError, match=r"conversations of version 0\.1"):
        Directory(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_read_after_the_end_does_not_open_the_file_again(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    target = Target("file", in_process(Engine(directory.storage)))
    target.put("p", "a")
    directory.close()
    with pytest.raises(OperationFailed, match="Internal server error"):
        target.get("p", "a")
    assert {path.name for path in tmp_path.iterdir()} == {FILE, OWNER}


@pytest.mark.parametrize("left", [f"{FILE}-wal", "notes.txt"])
def test_backup_into_a_directory_with_anything_else_is_refused(tmp_path: Path, left: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with Directory(source):
        """It exists now."""
    target.mkdir()
    (target / left).write_bytes(b"of another database")
    with pytest.raises(LocalError, match=f"target is not empty \\({left}\\)"):
        backup(source, target)
    (target / left).rename(target / f"{FILE}.unfinished")  # as an interrupted backup leaves it
    backup(source, target)
    assert {path.name for path in target.iterdir()} == {FILE}


@pytest.mark.parametrize("left", [f"{FILE}.unfinished", f"{HISTORY_FILE}.new", HISTORY_FILE])
def test_interrupted_backup_can_be_repeated(tmp_path: Path, left: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with Directory(source):
        directory_history_id(source, "conversations")
    target.mkdir()
    (target / left).write_bytes(b"half of it")
    backup(source, target)
    assert {path.name for path in target.iterdir()} == {FILE, HISTORY_FILE}


def test_deleted_lock_is_reported_as_another_instance_may_have_opened_the_directory(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="owner was deleted or replaced"), Directory(tmp_path) as directory:
        (tmp_path / OWNER).unlink()
        with Directory(tmp_path), pytest.raises(LocalError, match="owner was deleted or replaced"):
            directory.check()


def test_damaged_database_is_reported(tmp_path: Path) -> None:
    with Directory(tmp_path) as directory:
        (page_size,) = directory.storage.execute("PRAGMA page_size")
        Engine(directory.storage)
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(page_size)
        file.write(b"\xff" * 10 * page_size)
    with pytest.raises(LocalError, match="cannot be used"), embedded_services(0, tmp_path, "us-east-1"):
        pass
