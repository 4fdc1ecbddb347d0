"""Reports: made by members, seen and closed by owners and moderators, and never seen by the author."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.errors import Forbidden, NotFound, RateLimited
from chalicelib.core.kernel.ids import digest
from chalicelib.core.model.events import new_event
from chalicelib.core.ports.commits import Commit
from chalicelib.core.privacy.retention import SERVICE
from chalicelib.core.protocol.queries import AuditQuery, ReportsQuery
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with

TABLES = ("conversations", "connections")
PEOPLE = ("mod", "other", "mallory", "bob", "carol")


class Room:
    """Alice's conversation with moderators and members, in which mallory has sent a message."""

    def __init__(self, harness: AppHarness) -> None:
        self.harness = harness
        self.chat = harness.create_conversation("alice", "mallory", "bob", "carol")
        harness.add("alice", self.chat, "mod", "moderator")
        harness.add("alice", self.chat, "other", "moderator")
        self.message = harness.send_message("mallory", self.chat, "spam")
        self.reports = harness.chat.conversations.reports

    def report(self, reporter: str, target: int | None = None, reason: str = "Advertising") -> None:
        result = self.reports.report(principal(reporter), self.chat, target or self.message, reason)
        self.harness.chat.realtime.fan_out.deliver(result.pushes, within=5)

    def listed(self, caller: str, status: str = "open", **query: str) -> list[dict[str, Any]]:
        asked = ReportsQuery.model_validate({"status": status, **query})
        found: list[dict[str, Any]] = self.reports.list(principal(caller), self.chat, asked)["reports"]
        return found

    def close(self, caller: str, report: dict[str, Any], status: Any = "resolved") -> dict[str, Any]:
        return dict(self.reports.close(principal(caller), self.chat, report["report_id"], status))


@pytest.fixture
def harness() -> AppHarness:
    return AppHarness({"CHAT_TIME_ERASURE_GRACE": "0", "CHAT_LIMIT_REPORT_BURST": "5"})


@pytest.fixture
def room(harness: AppHarness) -> Room:
    return Room(harness)


def test_report_reaches_connected_owners_and_moderators(room: Room) -> None:
    for name in ("alice", *PEOPLE):
        room.harness.connect(f"c-{name}", name)
    room.report("bob")
    (report,) = room.listed("alice")
    assert (report["sequence_id"], report["author_id"]) == (room.message, "mallory")
    assert report["reason"] == "Advertising"
    assert report["reported_by"] == {"participant_id": "bob", "name": "bob", "type": "human"}
    assert report["status"] == "open"
    receivers = [name for name in ("alice", *PEOPLE) if room.harness.posted(f"c-{name}", "report")]
    assert receivers == ["alice", "mod", "other"]
    assert [frame["report"] for frame in room.harness.posted("c-mod", "report")] == [report]


def test_members_and_outsiders_see_no_reports(room: Room) -> None:
    room.report("bob")
    for name in ("bob", "mallory"):
        with pytest.raises(Forbidden):
            room.listed(name)
    with pytest.raises(NotFound):
        room.listed("stranger")


@pytest.mark.parametrize("author", ["mod", "alice"])
def test_author_with_a_role_learns_nothing_of_a_report(room: Room, author: str) -> None:
    room.harness.connect("c-author", author)
    target = room.harness.send_message(author, room.chat, "rude")
    before = room.harness.chat.conversations.moderation.audit(principal("alice"), room.chat, AuditQuery())
    room.report("bob", target)
    (report,) = room.listed("other")
    assert room.listed(author) == room.listed(author, "closed") == []
    assert room.harness.posted("c-author", "report") == []
    with pytest.raises(NotFound):
        room.close(author, report)
    room.close("other", report)
    assert room.listed(author, "closed") == []
    after = room.harness.chat.conversations.moderation.audit(principal("alice"), room.chat, AuditQuery())
    assert before == after, "owners read the audit log"


def test_hidden_reports_leave_no_gap_in_the_pages_of_the_author(room: Room) -> None:
    authors = ("alice", "mallory", "carol", "other")
    for author in authors:
        room.report("bob", room.harness.send_message(author, room.chat, "rude"))
    for caller in ("alice", "other"):
        pages: list[dict[str, Any]] = []
        cursor = None
        while cursor is not None or not pages:
            query = ReportsQuery.model_validate({"limit": "1"} | ({"cursor": cursor} if cursor else {}))
            pages.append(room.reports.list(principal(caller), room.chat, query))
            cursor = pages[-1].get("next_cursor")
        assert [len(page["reports"]) for page in pages] == [1, 1, 1]
        found = [report["author_id"] for page in pages for report in page["reports"]]
        assert found == sorted(set(authors) - {caller}, key=lambda author: digest(author, 16))


def test_reporter_reports_a_message_once(room: Room) -> None:
    room.harness.connect("c-mod", "mod")
    room.report("bob")
    room.report("bob", reason="Again")
    (report,) = room.listed("mod")
    assert report["reason"] == "Advertising"
    room.close("mod", report, "dismissed")
    room.report("bob")
    assert room.listed("mod") == []
    assert len(room.harness.posted("c-mod", "report")) == 1
    room.report("carol")
    assert [entry["reported_by"]["participant_id"] for entry in room.listed("mod")] == ["carol"]


def test_own_absent_and_empty_messages_cannot_be_reported(room: Room) -> None:
    with pytest.raises(Forbidden):
        room.report("mallory")
    for target in (1, 999):
        with pytest.raises(NotFound):
            room.report("bob", target)
    room.harness.chat.messaging.updates.delete(principal("mallory"), room.chat, room.message, not_found=NotFound)
    with pytest.raises(NotFound):
        room.report("bob")
    with pytest.raises(NotFound):
        room.report("stranger")


def test_reports_are_rate_limited(room: Room) -> None:
    targets = [room.harness.send_message("mallory", room.chat) for _ in range(6)]
    for target in targets[:5]:
        room.report("bob", target)
    with pytest.raises(RateLimited):
        room.report("bob", targets[5])
    room.harness.clock.advance(60)
    room.report("bob", targets[5])


def test_deleted_message_keeps_its_report(room: Room) -> None:
    room.report("bob")
    room.harness.chat.messaging.updates.delete(principal("mallory"), room.chat, room.message, not_found=NotFound)
    assert len(room.listed("mod")) == 1
    assert items_with(room.harness.store, TABLES, '"spam"', "spam") == []


def test_report_is_closed_once_and_its_status_can_change(room: Room) -> None:
    room.report("bob")
    (report,) = room.listed("mod")
    closed = room.close("mod", report, "resolved")
    assert (closed["status"], closed["closed_by"]) == ("resolved", "mod")
    assert room.close("alice", report, "resolved") == closed, "a repeat changes nothing"
    assert room.listed("mod") == []
    changed = room.close("alice", report, "dismissed")
    assert (changed["status"], changed["closed_by"]) == ("dismissed", "alice")
    assert room.listed("mod", "closed") == [changed]
    for error, caller, report_id in (
        (Forbidden, "bob", report["report_id"]),
        (NotFound, "stranger", report["report_id"]),
        (NotFound, "mod", "rpt_" + "0" * 32 + "-" + "0" * 16 + "-" + "0" * 32),
        (NotFound, "mod", "rpt_" + "x" * 2_000),
    ):
        with pytest.raises(error):
            room.close(caller, {"report_id": report_id})


def test_expired_message_is_not_reported(room: Room) -> None:
    """From the event on that states the expiry, although the content is not removed yet."""
    head, store = room.harness.head(room.chat), room.harness.chat.stores
    new = replace(head, sequence_id=head.sequence_id + 1, expired_up_to=room.message)
    event = new_event(room.chat, new.sequence_id, "content_expired", sender=SERVICE, now=0, up_to=room.message)
    store.event_log.commit(Commit(head, new, [event]))
    with pytest.raises(NotFound):
        room.report("bob")
    assert room.listed("mod") == []


def test_reports_expire(room: Room) -> None:
    room.report("bob")
    room.report("carol")
    room.close("mod", room.listed("mod")[0])
    room.harness.clock.advance(30 * 24 * 3600 + 1)
    assert room.listed("mod") == room.listed("mod", "closed") == []
    room.report("bob")
    assert len(room.listed("mod")) == 1, "the message can be reported again"


def test_purge_leaves_nothing_of_a_report(room: Room) -> None:
    room.report("bob")
    room.report("carol")
    room.close("mod", room.listed("mod")[0])
    lifecycle = room.harness.chat.conversations.lifecycle
    lifecycle.delete(principal("alice"), room.chat)
    lifecycle.purge_due(60)
    assert items_with(room.harness.store, TABLES, "Advertising") == []
