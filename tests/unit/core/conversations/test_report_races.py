"""Reports in races with deletions, removals and erasures, and what export and erasure do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.protocol.queries import ExportQuery, ReportsQuery
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with

TABLES = ("conversations", "connections")
BOB, MOD, MALLORY = "bob#1", "mod#1", "mallory#1"


class Engine(MemoryEngine):
    """A store that runs an action once, after the next read of an event or of a batch."""

    _action: Callable[[], object] | None = None

    def after_read(self, action: Callable[[], object]) -> None:
        """Set the action."""
        self._action = action

    def get_item(self, **arguments: Any) -> Any:
        """Read an item; run the action if it is an event."""
        found = super().get_item(**arguments)
        if arguments["Key"]["sk"]["S"].startswith("E#"):
            self._run()
        return found

    def batch_get_item(self, **arguments: Any) -> Any:
        """Read items, and run the action."""
        found = super().batch_get_item(**arguments)
        self._run()
        return found

    def _run(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


class Room:
    """Alice's conversation with a moderator, in which mallory has sent a message."""

    def __init__(self) -> None:
        self.harness = AppHarness({"CHAT_TIME_ERASURE_GRACE": "0"}, engine=Engine)
        assert isinstance(self.harness.store, Engine)
        self.engine = self.harness.store
        self.services = self.harness.chat.conversations
        self.chat = self.harness.create_conversation("alice", MALLORY, BOB)
        self.harness.add("alice", self.chat, MOD, "moderator")
        self.message = self.harness.send_message(MALLORY, self.chat, "spam")

    def report(self, reporter: str = BOB) -> None:
        self.services.reports.report(principal(reporter), self.chat, self.message, "Advertising")

    def listed(self, status: Any = "open") -> list[dict[str, Any]]:
        query = ReportsQuery(status=status)
        return list(self.services.reports.list(principal("alice"), self.chat, query)["reports"])

    def close(self, caller: str = MOD) -> None:
        (report,) = self.listed()
        self.services.reports.close(principal(caller), self.chat, report["report_id"], "resolved")

    def remove(self, participant_id: str) -> None:
        self.services.members.remove(principal("alice"), self.chat, participant_id)

    def begin_erasure(self, participant_id: str) -> str:
        return self.harness.chat.privacy.erasure.request(principal(participant_id))[0]

    def finish_erasure(self, job_id: str) -> None:
        while (delay := self.harness.chat.privacy.erasure.run(job_id, 60)) is not None:
            self.harness.clock.advance(delay)

    def erase(self, participant_id: str) -> None:
        self.finish_erasure(self.begin_erasure(participant_id))

    def stored(self, text: str) -> list[str]:
        return items_with(self.harness.store, TABLES, text)


@pytest.fixture
def room() -> Room:
    return Room()


def test_reporter_who_is_removed_meanwhile_leaves_no_report(room: Room) -> None:
    room.harness.gather.after(1, lambda: room.remove(BOB))
    with pytest.raises(NotFound):
        room.report()
    assert not room.harness.gather.is_pending
    assert room.listed() == []


def test_message_that_is_deleted_meanwhile_gets_no_report(room: Room) -> None:
    updates = room.harness.chat.messaging.updates
    room.engine.after_read(lambda: updates.delete(principal(MALLORY), room.chat, room.message, not_found=NotFound))
    with pytest.raises(NotFound):
        room.report()
    assert room.listed() == []


def test_moderator_who_is_removed_meanwhile_closes_no_report(room: Room) -> None:
    room.report()
    (report,) = room.listed()
    room.harness.gather.after(1, lambda: room.remove(MOD))
    with pytest.raises(NotFound):
        room.services.reports.close(principal(MOD), room.chat, report["report_id"], "resolved")
    assert len(room.listed()) == 1


def test_second_of_two_moderators_finds_the_report_closed(room: Room) -> None:
    room.report()
    (report,) = room.listed()
    room.harness.gather.after(1, room.close)
    closed = room.services.reports.close(principal("alice"), room.chat, report["report_id"], "dismissed")
    assert room.listed("closed") == [closed]
    assert (closed["status"], closed["closed_by"]) == ("dismissed", "alice")


@pytest.mark.parametrize("is_closed", [False, True])
def test_erasure_of_the_reporter_deletes_the_report(room: Room, is_closed: bool) -> None:
    room.report()
    if is_closed:
        room.close()
    room.erase(BOB)
    assert room.listed() == room.listed("closed") == []
    assert room.stored(BOB) == room.stored("Advertising") == []


@pytest.mark.parametrize("is_closed", [False, True])
def test_erasure_of_the_author_keeps_the_report_under_a_pseudonym(room: Room, is_closed: bool) -> None:
    room.report()
    if is_closed:
        room.close()
    room.erase(MALLORY)
    (report,) = room.listed("closed" if is_closed else "open")
    assert report["author_id"].startswith("erased_")
    assert report["reason"] == "Advertising"
    assert room.stored(MALLORY) == []


def test_erasure_of_the_moderator_removes_their_id(room: Room) -> None:
    room.report()
    room.close()
    room.erase(MOD)
    (report,) = room.listed("closed")
    assert report["closed_by"].startswith("erased_")
    assert room.stored(MOD) == []


def test_report_that_is_closed_during_the_erasure_of_the_author_keeps_no_id(room: Room) -> None:
    """The moderator has read the report, then it is rewritten, then it is closed."""
    room.report()
    (report,) = room.listed()
    room.engine.after_read(lambda: room.erase(MALLORY))
    room.services.reports.close(principal(MOD), room.chat, report["report_id"], "resolved")
    assert len(room.listed("closed")) == 1
    assert room.stored(MALLORY) == []


def test_erasure_deletes_copies_of_purged_conversations(room: Room) -> None:
    room.report()
    for table in ("conversations",):
        for item in list(room.harness.store.items(table)):
            if item["pk"]["S"] == f"C#{room.chat}" and item["sk"]["S"].startswith("M#"):
                key = {name: item[name] for name in ("pk", "sk")}
                room.harness.store.delete_item(TableName=table, Key=key)
    room.erase(BOB)
    assert room.stored(BOB) == []


def test_export_contains_the_own_reports_only(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.core.privacy.export.REPORTS_PER_PAGE", 2)
    targets = [room.message, *(room.harness.send_message(MALLORY, room.chat) for _ in range(2))]
    for target in targets:
        room.services.reports.report(principal(BOB), room.chat, target, "Advertising")
    found: dict[str, list[int]] = {}
    for person in (BOB, MALLORY):
        cursor: str | None = None
        while person not in found or cursor is not None:
            page = room.harness.chat.privacy.export.page(principal(person), ExportQuery(cursor=cursor))
            found.setdefault(person, []).extend(report["sequence_id"] for report in page["reports"])
            cursor = page.get("next_cursor")
        assert [entry["conversation_id"] for entry in page["conversations"]] == [room.chat]
    assert found == {BOB: targets, MALLORY: []}
