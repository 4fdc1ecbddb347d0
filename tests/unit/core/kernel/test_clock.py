"""Times are stored in milliseconds, and written as RFC 3339."""

from __future__ import annotations

import time

import pytest

from chalicelib.core.kernel.clock import from_rfc3339, milliseconds, rfc3339
from tests.support.fakes import FakeClock


def test_time_is_in_milliseconds() -> None:
    assert milliseconds(FakeClock(1_700_000_000.5)) == 1_700_000_000_500


def test_written_time_does_not_depend_on_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_007, "2023-11-14T22:13:20.007Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
    ],
)
def test_time_is_written_in_utc_with_three_digits_and_read_back(moment: int, text: str) -> None:
    assert rfc3339(moment) == text
    assert from_rfc3339(text) == moment / 1000
