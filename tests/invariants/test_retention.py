"""Retention: expired contents are removed, and everything else stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.dynamodb.work_keys import RETENTION_CHECKS
from chalicelib.core.kernel.errors import ChatError
from local.faults.client import DynamoClient
from tests.invariants.erasure_scenario import in_history
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import Act
from tests.invariants.interrupt import Interrupt, error_code
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.crashes import crash_points

DAY = 24 * 3600.0
SHAPE = Setup(roles=(("bob", "moderator"),))


def keeping(tables: Tables, days: int) -> Tables:
    """Return tables of a deployment with this retention period."""
    other = tables.with_limits()
    other.settings = replace(tables.settings, retention_days=days)
    return other


def talked(tables: Tables) -> Harness:
    """Create an old message with an edit, reactions and a deletion, and a message two weeks later."""
    harness = tables.harness(SHAPE)
    process = harness.process()
    sent = process.post_message("bob", "old words", "1")["sequence_id"]
    process.edit_message("bob", sent, "old words, edited", metadata={"note": "old words"})
    process.add_reaction("carol", sent, "👍")
    process.post_message("carol", "old words of carol", "2")
    process.delete_message("carol", process.post_message("carol", "old words", "3")["sequence_id"])
    harness.process(skew=14 * DAY).post_message("alice", "new words", "4")
    return harness


def sweep(harness: Harness, days: float, client: DynamoClient | None = None, seconds: float = 60.0) -> None:
    """Run a sweep so many days after the start."""
    harness.process(client, skew=days * DAY).app.privacy.jobs.sweep(seconds)


def texts(harness: Harness, days: float = 50.0, name: str = "alice") -> list[str | None]:
    return [message.get("content") for message in harness.process(skew=days * DAY).list_messages(name)["messages"]]


def holding(harness: Harness, text: str) -> list[str]:
    return [item for item in harness.tables.items_with(text) if harness.conversation in item]


def gone(harness: Harness) -> None:
    """Check that expired contents are removed from every item, and nothing else is."""
    assert holding(harness, "old words") == []
    assert texts(harness) == [None, None, None, "new words"]


def notes(harness: Harness) -> list[int]:
    """Return the scheduled retention checks of this conversation."""
    keys = [key.split(" ") for key in harness.tables.stored_keys()]
    return [
        int(sk.partition("#")[0])
        for pk, sk in keys
        if pk == RETENTION_CHECKS and sk.endswith(harness.conversation)
    ]


def expiries(harness: Harness) -> list[dict[str, Any]]:
    return [event for event in in_history(harness) if event["type"] == "content_expired"]


def test_expired_contents_are_removed_and_events_stay(tables: Tables) -> None:
    harness = talked(keeping(tables, 30))
    before = harness.process(skew=15 * DAY).list_events("alice")["events"]
    sweep(harness, 29.9)
    assert holding(harness, "old words")
    sweep(harness, 30.1)
    gone(harness)
    after = harness.process(skew=31 * DAY).list_events("alice")["events"]
    (shown,) = expiries(harness)
    assert shown["up_to"] == before[-1]["sequence_id"] - 1
    assert after[-1] == shown
    for old, new in zip(before, after, strict=False):
        for name in ("sequence_id", "type", "created_at", "sender", "message_id", "target"):
            assert old.get(name) == new.get(name), "L1, L3"
    (first, *_, last) = harness.process(skew=31 * DAY).list_messages("alice")["messages"]
    assert first["expired"] is True
    assert not {*first} & {"content", "metadata", "reactions", "edited_at", "deleted_at"}
    assert last["content"] == "new words"


def test_subscribers_are_notified_of_expiry(tables: Tables) -> None:
    hurried = keeping(tables, 30)
    timing = replace(tables.settings.timing, retention_day=1.0)
    hurried.settings = replace(hurried.settings, timing=timing)
    harness = hurried.harness(SHAPE)
    harness.process().post_message("bob", "old words", "1")
    harness.process(skew=31.0).app.privacy.jobs.sweep(60.0)
    shown = harness.pushed_frames("carol", "event")[-1]["event"]
    assert (shown["type"], shown["sequence_id"], shown["up_to"]) == ("content_expired", 3, 2)


def test_early_check_keeps_its_scheduled_time(tables: Tables) -> None:
    # A change of the setting schedules a check at once; a sweep may have been faster.
    harness = talked(keeping(tables, 30))
    sweep(harness, 30.1)
    (due,) = notes(harness)
    for _ in range(2):  # the job is delivered twice
        harness.process(skew=31 * DAY).app.privacy.jobs.run(f"retention:{due}:{harness.conversation}", 60.0)
        assert notes(harness) == [due]
    sweep(harness, 44.1)
    assert texts(harness) == [None, None, None, None]


def test_expiry_is_not_activity_and_changes_no_count(tables: Tables) -> None:
    harness = talked(keeping(tables, 30))
    (before,) = harness.process(skew=15 * DAY).list_conversations("bob")
    sweep(harness, 31)
    (after,) = harness.process(skew=31 * DAY).list_conversations("bob")
    for name in ("unread_count", "read_up_to"):
        assert before[name] == after[name]


def test_unlimited_retention_expires_nothing(tables: Tables) -> None:
    harness = talked(tables)
    for days in (31, 62, 93, 400):
        sweep(harness, days)
    assert holding(harness, "old words")
    assert expiries(harness) == []


def test_changed_deployment_setting_applies_within_thirty_days(tables: Tables) -> None:
    harness = talked(tables)
    for days in (30.1, 60.3):
        sweep(harness, days)
    stricter = keeping(tables, 30)
    later = replace(harness, tables=stricter)
    sweep(later, 61)
    assert holding(harness, "old words")
    sweep(later, 90.5)
    assert texts(harness, 91) == [None] * 4


@pytest.mark.parametrize(("of_deployment", "days"), [(0, 40), (365, 40), (40, 365), (40, None)])
def test_shorter_of_two_retention_periods_applies(tables: Tables, of_deployment: int, days: int | None) -> None:
    harness = talked(keeping(tables, of_deployment))
    harness.process(skew=20 * DAY).update_conversation("alice", retention_days=365)
    harness.process(skew=21 * DAY).update_conversation("alice", retention_days=days)
    assert harness.process(skew=21 * DAY).get_conversation("alice").get("retention_days") == days
    for elapsed in (22, 30.1, 39.9):
        sweep(harness, elapsed)
    assert holding(harness, "old words")
    sweep(harness, 40.1)
    gone(harness)


def test_owner_setting_applies_with_the_next_sweep(tables: Tables) -> None:
    harness = talked(tables)
    sweep(harness, 31)
    harness.process(skew=32 * DAY).update_conversation("alice", retention_days=30)
    sweep(harness, 32.1)
    gone(harness)
    notes = [item for item in harness.tables.items_with("RETENTION") if harness.conversation in item]
    sweep(harness, 63)
    assert len([note for note in notes if '"RETENTION"}, "sk"' in note]) <= 2
    assert texts(harness, 63.5) == [None] * 4


def test_only_owners_can_set_retention(tables: Tables) -> None:
    harness = tables.harness(SHAPE)
    with pytest.raises(ChatError) as refused:
        harness.process().update_conversation("bob", retention_days=30)
    assert refused.value.code == "FORBIDDEN"
    harness.process().update_conversation("bob", title="A moderator may do that")


def test_expired_message_can_be_deleted_but_not_edited(tables: Tables) -> None:
    harness = talked(keeping(tables, 30))
    sweep(harness, 31)
    process = harness.process(skew=32 * DAY)
    codes = [
        error_code(act, process)
        for act in (
            lambda p: p.edit_message("bob", 2, "again"),
            lambda p: p.add_reaction("carol", 2, "🎉"),
            lambda p: p.remove_reaction("carol", 2, "👍"),
            lambda p: p.delete_message("bob", 2),
        )
    ]
    assert codes == ["VALIDATION_FAILED", "VALIDATION_FAILED", None, None]
    assert process.list_reactions("alice", 2) == []


ACTS: dict[str, Act] = {
    "edit": lambda p: p.edit_message("bob", 2, "old words again"),
    "react": lambda p: p.add_reaction("alice", 2, "🎉"),
    "unreact": lambda p: p.remove_reaction("carol", 2, "👍"),
    "delete": lambda p: p.delete_message("bob", 2),
    "reply": lambda p: p.send_frame("carol", "message", client_message_id="r", content="later words", reply_to=2),
    "set": lambda p: p.update_conversation("alice", retention_days=60),
}


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("way", ["its writes", "those of the sweep"])
def test_concurrent_changes_restore_no_expired_content(tables: Tables, name: str, way: str) -> None:
    writes = 0
    while True:
        writes += 1
        harness = talked(keeping(tables, 30))

        def swept(harness: Harness = harness) -> None:
            sweep(harness, 31)

        def acted(harness: Harness = harness) -> None:
            error_code(ACTS[name], harness.process(skew=31 * DAY))

        if way == "its writes":
            client = Interrupt(tables.engine, writes, swept)
            error_code(ACTS[name], harness.process(client, skew=31 * DAY))
        else:
            client = Interrupt(tables.engine, writes, acted)
            sweep(harness, 31, client)
        if not client.has_run:
            return
        sweep(harness, 31.5)
        sweep(harness, 63)
        assert holding(harness, "old words") == []


def test_crashed_sweep_is_completed_by_the_next_one(tables: Tables) -> None:
    points = 0
    kept = keeping(tables, 30)
    other = kept.harness(SHAPE)

    def begin() -> Harness:
        # Checks of other conversations that are due run first.
        sweep(other, 31)
        return talked(kept)

    for point in crash_points(tables.engine, begin, lambda harness, client: sweep(harness, 31, client)):
        with point as harness:
            sweep(harness, 31.1)
            gone(harness)
            assert len(expiries(harness)) == 1
        points += 1
    print(f"retention: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    assert points > 10


def test_long_log_expires_in_several_steps(tables: Tables) -> None:
    harness = keeping(tables, 30).with_limits(message_burst=1000).harness(SHAPE)
    process: Process = harness.process()
    for number in range(130):
        process.post_message("bob", f"old words {number}", f"k{number}")
    for step in range(1, 40):
        sweep(harness, 31 + step / 24, seconds=0.0)
        if not holding(harness, "old words"):
            break
    assert 2 < step < 20
    assert len(expiries(harness)) == 1


def test_deleted_conversation_has_no_scheduled_check(tables: Tables) -> None:
    harness = talked(keeping(tables, 30))
    harness.process(skew=15 * DAY).delete_conversation("alice")
    sweep(harness, 15.1)
    sweep(harness, 31)
    assert holding(harness, "RETENTION") == []
