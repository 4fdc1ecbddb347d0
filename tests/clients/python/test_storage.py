"""Storages: values survive, scopes are apart."""

from __future__ import annotations

from pathlib import Path

from serverless_chat.storage import MemoryStorage, SqliteStorage


def test_memory_storage_returns_copies_of_the_stored_values() -> None:
    storage = MemoryStorage()
    value = {"a": [1]}
    storage.save("key", value)
    value["a"].append(2)
    assert storage.load() == {"key": {"a": [1]}}
    storage.forget("key")
    storage.forget("key")
    assert storage.load() == {}


def test_file_keeps_values_and_keeps_servers_and_participants_apart(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    first = SqliteStorage(path, "https://a.example", "alice")
    first.save("key", {"a": 1})
    first.save("key", {"a": 2})
    first.save("other", {})
    first.forget("other")
    first.close()
    for server, participant_id, expected in [
        ("https://a.example", "alice", {"key": {"a": 2}}),
        ("https://a.example", "bob", {}),
        ("https://b.example", "alice", {}),
    ]:
        storage = SqliteStorage(path, server, participant_id)
        assert storage.load() == expected
        storage.close()
