"""Storages: values survive, scopes are apart, and a full one delays the outbox."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from serverless_chat.core.outputs import Forget, JsonObject, Save
from serverless_chat.durable import DurableStorage
from serverless_chat.errors import StorageInUseError
from serverless_chat.storage import MemoryStorage, SqliteStorage

from tests.clients.python.drive import HISTORY
from tests.clients.python.fake_server import Server, until


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


class FullStorage(MemoryStorage):
    is_full = True

    def save(self, key: str, value: dict[str, object]) -> None:
        if self.is_full:
            raise OSError("no space left")
        super().save(key, value)


def test_full_storage_delays_frames_of_the_outbox_only() -> None:
    storage = FullStorage()
    durable = DurableStorage(storage)
    durable.carry_out(Save("outbox/1", {"a": 1}))
    assert isinstance(durable.error, OSError)
    assert not durable.may_send({"type": "message"})
    assert durable.may_send({"type": "ping"})
    storage.is_full = False
    durable.carry_out(Forget("outbox/0"))
    assert durable.may_send({"type": "message"})
    assert storage.load() == {"outbox/1": {"a": 1}}


def test_order_that_fails_does_not_stop_others() -> None:
    storage = FullStorage()
    storage.is_full = False
    storage.save("outbox/0", {})
    storage.is_full = True
    durable = DurableStorage(storage)
    durable.carry_out(Save("outbox/1", {"a": 1}))
    durable.carry_out(Forget("outbox/0"))
    assert storage.load() == {}


class LockedStorage(MemoryStorage):
    is_locked = False

    def forget(self, key: str) -> None:
        if self.is_locked:
            raise OSError("read-only")
        super().forget(key)


def test_send_is_resolved_when_the_message_has_left_the_storage() -> None:
    storage, server = LockedStorage(), Server()

    def acknowledge(sent: JsonObject) -> list[JsonObject]:
        ack = {
            "type": "message_ack",
            "id": sent["id"],
            "sequence_id": 2,
            "history_id": HISTORY,
            "duplicate": False,
        }
        return [ack] if sent["type"] == "message" else []

    async def run() -> None:
        server.answers = acknowledge
        async with server.chat(storage) as chat:
            await chat.connected()
            storage.is_locked = True
            room = chat.room("conv_a")
            sending = asyncio.ensure_future(room.send("hi", client_message_id="k"))
            await until(lambda: chat.error is not None)
            assert room.waiting.is_sending("k")  # a restart would send it again, also into a later history
            assert any(key.startswith("outbox/") for key in storage.load())
            storage.is_locked = False
            chat.online()
            assert (await sending).sequence_id == 2
            assert not any(key.startswith("outbox/") for key in storage.load())

    asyncio.run(asyncio.wait_for(run(), 20))


def test_change_of_a_file_is_durable_when_the_power_fails(tmp_path: Path) -> None:
    """With FULL, the deletion of the journal is not durable: the next start would roll the change back."""
    storage = SqliteStorage(tmp_path / "client.db", "https://a.example", "alice")
    journal, synchronous = (
        storage._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    )
    storage.close()
    assert (journal, synchronous) == ("delete", 3)


def test_file_that_cannot_be_used_is_not_locked_and_a_second_close_closes_nothing_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "client.db"
    path.write_text("no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteStorage(path, "https://a.example", "alice")
    path.unlink()
    storage = SqliteStorage(path, "https://a.example", "alice")
    with pytest.raises(StorageInUseError):
        SqliteStorage(path, "https://a.example", "alice")
    storage.close()
    with path.open("rb") as other:  # it can get the number of the lock's descriptor
        storage.close()
        other.read()


class PickyStorage(MemoryStorage):
    """Has room for short values only, and for none of one key."""

    longest = 20

    def save(self, key: str, value: JsonObject) -> None:
        if len(str(value)) > self.longest:
            raise OSError("no space left")
        super().save(key, value)


def test_message_is_not_stored_before_an_earlier_one() -> None:
    storage = PickyStorage()
    durable = DurableStorage(storage)
    durable.carry_out(Save("outbox/1", {"content": "long" * 10}))
    durable.carry_out(Save("outbox/2", {"a": 2}))
    durable.carry_out(Save("position/conv_a", {"a": 3}))
    assert set(storage.load()) == {"position/conv_a"}
    durable.carry_out(Save("outbox/1", {"content": "longer" * 10}))  # its attempt
    assert set(storage.load()) == {"position/conv_a"}
    storage.longest = 1_000
    durable.repeat()
    assert list(storage.load()) == ["position/conv_a", "outbox/1", "outbox/2"]
    assert durable.error is None


def test_message_that_a_handler_sends_when_a_send_is_resolved_late_is_sent_at_once() -> None:
    storage, server = LockedStorage(), Server()

    def acknowledge(frame: JsonObject) -> list[JsonObject]:
        about = {"type": "message_ack", "id": frame["id"], "sequence_id": 2, "history_id": HISTORY}
        return [{**about, "duplicate": False}] if frame["type"] == "message" else []

    async def run() -> None:
        server.answers = acknowledge
        async with server.chat(storage) as chat:
            await chat.connected()
            storage.is_locked = True
            room = chat.room("conv_a")
            room.queue("first")
            await until(lambda: chat.error is not None)
            off = room.changes.on(lambda _: (off(), room.queue("second")))
            storage.is_locked = False
            chat.online()
            items = [value for key, value in storage.load().items() if key.startswith("outbox/")]
            assert [(item["fields"]["content"], item["is_attempted"]) for item in items] == [("second", True)]

    asyncio.run(asyncio.wait_for(run(), 20))
