"""Reports, concurrent with deletions, removals and each other, in every interleaving, and after crashes."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.reports import ReportStatus
from chalicelib.core.protocol.queries import ReportsQuery
from local.faults.client import DynamoClient
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Arrange, Results, Store, interleave, some_of
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.stepper import crash_points

MESSAGE = 2
SETUP = Setup(roles=(("carol", "moderator"),))


def reports(name: str) -> Act:
    return lambda process: process.app.conversations.reports.report(
        process.principal(name), process.harness.conversation, MESSAGE, "Advertising"
    )


def closes(name: str, status: ReportStatus = "resolved") -> Act:
    def act(process: Process) -> Any:
        (report,) = listed(process.harness, "open", "closed")
        service = process.app.conversations.reports
        return service.close(process.principal(name), process.harness.conversation, report["report_id"], status)

    return act


def listed(harness: Harness, *statuses: Any) -> list[Any]:
    """Return the reports that alice sees."""
    process = harness.process()
    service, alice = process.app.conversations.reports, process.principal("alice")
    queries = [ReportsQuery(status=status) for status in statuses or ("open",)]
    return [report for query in queries for report in service.list(alice, harness.conversation, query)["reports"]]


def with_a_message(harness: Harness) -> None:
    harness.process().post_message("bob", "spam", "spam")


def with_a_report(harness: Harness) -> None:
    with_a_message(harness)
    reports("alice")(harness.process())


@BOTH_STORES
def test_message_is_reported_before_its_deletion_or_not_at_all(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob deletes")
        reported = ends.succeeded("carol reports", "NOT_FOUND")
        assert len(listed(harness)) == reported

    acts: dict[str, Act] = {
        "carol reports": reports("carol"),
        "bob deletes": lambda process: process.delete_message("bob", MESSAGE),
    }
    interleave(tables, SETUP, acts, judge, store=store, arrange=with_a_message, samples=some_of(store, 40))


@BOTH_STORES
def test_removed_member_reports_before_the_removal_or_not_at_all(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("alice removes carol")
        reported = ends.succeeded("carol reports", "NOT_FOUND")
        assert len(listed(harness)) == reported

    acts: dict[str, Act] = {
        "carol reports": reports("carol"),
        "alice removes carol": lambda process: process.remove_participant("alice", "carol"),
    }
    interleave(tables, SETUP, acts, judge, store=store, arrange=with_a_message, samples=some_of(store, 40))


@BOTH_STORES
def test_demoted_moderator_closes_before_the_demotion_or_not_at_all(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("alice demotes carol")
        closed = ends.succeeded("carol closes", "FORBIDDEN")
        assert len(listed(harness, "closed")) == closed
        assert len(listed(harness, "open")) == (not closed)

    acts: dict[str, Act] = {
        "carol closes": closes("carol"),
        "alice demotes carol": lambda process: process.set_role("alice", "carol", "member"),
    }
    interleave(tables, SETUP, acts, judge, store=store, arrange=with_a_report, samples=some_of(store, 40))


@BOTH_STORES
def test_report_that_two_close_has_one_status(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        results = ends.succeeded_names() or ["open"]
        (report,) = listed(harness, "open", "closed")
        assert report["status"] in results

    acts: dict[str, Act] = {
        "resolved": closes("alice", "resolved"),
        "dismissed": closes("carol", "dismissed"),
    }
    interleave(tables, SETUP, acts, judge, store=store, arrange=with_a_report, samples=some_of(store, 40))


@BOTH_STORES
def test_report_that_is_sent_twice_is_one(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(listed(harness)) == bool(ends.succeeded_names())

    acts = {"carol reports": reports("carol"), "carol reports again": reports("carol")}
    interleave(tables, SETUP, acts, judge, store=store, arrange=with_a_message, samples=some_of(store, 40))


@pytest.mark.parametrize(
    ("arrange", "act", "status"),
    [(with_a_message, reports("carol"), "open"), (with_a_report, closes("carol"), "resolved")],
    ids=["report", "close"],
)
def test_repeat_after_a_crash_takes_effect_once(tables: Tables, arrange: Arrange, act: Act, status: str) -> None:
    def begin() -> Harness:
        harness = tables.harness(SETUP)
        arrange(harness)
        return harness

    def run(harness: Harness, client: DynamoClient) -> None:
        act(harness.process(client))

    points = 0
    for point in crash_points(tables.engine, begin, run):
        with point as harness:
            act(harness.process(skew=1.0))
            assert [report["status"] for report in listed(harness, "open", "closed")] == [status]
        points += 1
    assert points >= 3
