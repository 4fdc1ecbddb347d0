"""The soak run in short, and its checker: every kind of violation is found."""

from typing import Any

import pytest

from bench.soak.__main__ import SHORT, growth, problems, soak
from bench.soak.checker import Verdict, check
from bench.soak.participant import Acknowledged, View
from bench.soak.report import Report, Sample

Event = dict[str, Any]


def event(number: int, key: str | None = None) -> Event:
    return {"sequence_id": number} if key is None else {"sequence_id": number, "client_message_id": key}


def log() -> list[Event]:
    return [event(1), event(2, "a:1"), event(3, "b:1"), event(4, "a:2")]


def view(*events: Event) -> View:
    complete = View()
    for item in events:
        complete.add(item)
    return complete


def acknowledged(key: str, number: int, sent_at: float = 0.0, acked_at: float = 0.0) -> Acknowledged:
    return Acknowledged(key.partition(":")[0], key, number, sent_at, acked_at)


def test_short_run_has_no_violations() -> None:
    report = soak(SHORT)
    assert problems(report) == []
    assert report.acked >= 10
    assert report.connects > 18
    assert len(report.storms) == 1


def test_faultless_run_has_no_violation() -> None:
    acked = [acknowledged("a:1", 2, 0, 1), acknowledged("b:1", 3, 2, 3), acknowledged("", 2)]
    assert check(log(), acked, [view(*log())]).total == 0


@pytest.mark.parametrize(
    ("events", "acked", "views", "violation"),
    [
        (log(), [acknowledged("a:9", 5)], [], "lost"),
        (log(), [acknowledged("a:1", 3)], [], "lost"),
        (log(), [], [view(*log()[:3])], "lost"),
        ([*log(), event(5, "a:1")], [], [], "doubled"),
        (log(), [acknowledged("a:1", 2, 5, 6), acknowledged("b:1", 3, 1, 2)], [], "reordered"),
        ([event(1), event(3)], [], [], "gaps"),
        (log(), [], [view(event(1), event(2, "other"), *log()[2:])], "contradictions"),
        (log(), [], [view(*log(), event(2, "other"))], "contradictions"),
        (log(), [], [view(*log(), event(5))], "contradictions"),
    ],
)
def test_violation_is_found(
    events: list[Event], acked: list[Acknowledged], views: list[View], violation: str
) -> None:
    verdict = check(events, acked, views)
    assert getattr(verdict, violation) >= 1
    if violation != "gaps":
        assert verdict.total == getattr(verdict, violation)


def test_view_holds_events_back_after_a_gap() -> None:
    incomplete = view(event(1), event(3), event(4))
    assert (len(incomplete.checksums), sorted(incomplete.ahead)) == (1, [3, 4])
    incomplete.add(event(2))
    assert (len(incomplete.checksums), incomplete.ahead) == (4, {})


def test_growing_memory_and_leaked_threads_are_problems() -> None:
    report = Report(acked=1)
    report.samples = [Sample(10.0 * number, 100 + number, 10) for number in range(100)]
    assert growth(report) == pytest.approx(1.32, abs=0.05)
    report.samples.append(Sample(1_000, 200, 20))
    assert len(problems(report)) == 2
    assert "threads" in problems(report)[1]


def test_violations_and_runs_without_acknowledgements_are_problems() -> None:
    samples = [Sample(1.0, 100, 10)]
    assert len(problems(Report(samples=samples))) == 1
    assert len(problems(Report(Verdict(lost=1), acked=1, samples=samples))) == 1
    assert problems(Report(acked=1, samples=samples)) == []
