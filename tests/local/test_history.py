"""The history id of the embedded store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local.backend import open_backend
from local.dynamodb.directory import Directory, backup
from local.errors import LocalError
from local.history import FILE, directory_history_id, memory_history_id
from local.settings import Ports

FREE = Ports(0, 0, 0)


def test_directory_keeps_its_history_id(tmp_path: Path) -> None:
    first = directory_history_id(tmp_path, "conversations", 100)
    assert str(first) == "100.conversations"
    assert directory_history_id(tmp_path, "conversations", 200) == first


@pytest.mark.parametrize("clock", [50, 100, 300])
def test_copy_of_a_directory_gets_a_newer_id_also_with_a_clock_that_is_behind(tmp_path: Path, clock: int) -> None:
    original = tmp_path / "data"
    original.mkdir()
    first = directory_history_id(original, "conversations", 100)
    shutil.copytree(original, tmp_path / "copy")
    assert directory_history_id(tmp_path / "copy", "conversations", clock).number == max(clock, 101)
    assert directory_history_id(original, "conversations", 400) == first


def test_copy_in_place_of_the_original_gets_a_newer_id(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    first = directory_history_id(data, "conversations", 100)
    shutil.copytree(data, tmp_path / "copy")
    data.rename(tmp_path / "original")
    (tmp_path / "copy").rename(data)
    assert directory_history_id(data, "conversations", 100).is_newer_than(first)


def test_backup_gets_a_newer_id_wherever_it_is_opened(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with Directory(data):
        first = directory_history_id(data, "conversations", 100)
        backup(data, copy)
        assert directory_history_id(data, "conversations", 100) == first
    second = directory_history_id(copy, "conversations", 100)
    assert second.is_newer_than(first)
    assert directory_history_id(copy, "conversations", 100) == second


def test_new_directory_after_a_lost_store_gets_a_newer_id(tmp_path: Path) -> None:
    first = directory_history_id(tmp_path, "conversations", 100)
    (tmp_path / FILE).unlink()
    assert directory_history_id(tmp_path, "conversations", 101).is_newer_than(first)


def test_data_in_memory_have_the_time_as_their_number() -> None:
    assert str(memory_history_id("conversations", 100)) == "100.conversations"
    assert memory_history_id("conversations").number > 1_700_000_000_000


def test_app_gets_the_history_id_of_the_directory(tmp_path: Path) -> None:
    for _ in range(2):
        with open_backend(FREE, None, tmp_path) as store:
            environment: dict[str, str] = {}
            store.prepare(environment)
        kept = directory_history_id(tmp_path, "chat-local-conversations")
        assert environment["CHAT_HISTORY_ID"] == store.settings["CHAT_HISTORY_ID"] == str(kept)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"number": "1"}'])
def test_unreadable_history_id_is_reported(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with (
        pytest.raises(LocalError, match=r"history\.json cannot be used .* Delete it to begin a new history\."),
        open_backend(FREE, None, tmp_path),
    ):
        pass


def test_restored_copy_gets_a_newer_id_also_if_the_directory_has_the_inode_of_the_original(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    first = directory_history_id(data, "conversations", 100)
    shutil.copytree(data, copy)
    for file in data.iterdir():
        file.unlink()
    shutil.copytree(copy, data, dirs_exist_ok=True)
    assert directory_history_id(data, "conversations", 100).is_newer_than(first)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"number": "1"}'])
def test_damaged_history_id_is_reported_by_a_backup(tmp_path: Path, content: str) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with Directory(data):
        """It exists now."""
    (data / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(LocalError, match=r"cannot be copied to .*history\.json is damaged"):
        backup(data, copy)
    (data / FILE).unlink()
    backup(data, copy)
