"""Limits and times that cannot work are rejected when the settings are read."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from chalicelib.core.kernel.limits import Limits, Timing, first_check_at

MAXIMA = [
    ("content_bytes", 24_000),
    ("metadata_bytes", 8_192),
    ("mentions", 100),
    ("emoji_per_message", 100),
    ("client_message_id_characters", 256),
    ("command_id_characters", 256),
    ("edits_per_message", 90),
]


def limits(**changes: int) -> Limits:
    return Limits(**{**asdict(Limits()), **changes})


@pytest.mark.parametrize(("name", "maximum"), MAXIMA)
def test_limit_may_have_its_maximum_and_no_more(name: str, maximum: int) -> None:
    assert limits(**{name: maximum}).public()[name] == maximum
    with pytest.raises(ValueError, match=f"the limit {name} must be at most {maximum}"):
        limits(**{name: maximum + 1})


@pytest.mark.parametrize("name", sorted(asdict(Limits()).keys() - {"message_burst"}))
def test_limit_has_a_minimum(name: str) -> None:
    minimum = 0 if name in {"typing_participants", "presence_participants"} else 1
    assert getattr(limits(**{name: minimum}), name) == minimum
    with pytest.raises(ValueError, match=f"the limit {name} must be at least {minimum}, not {minimum - 1}"):
        limits(**{name: minimum - 1})


def test_limits_of_services_are_not_published() -> None:
    assert not any("service" in name for name in limits().public())


def test_burst_has_room_for_a_batch() -> None:
    assert limits(message_burst=24).message_burst == 24
    with pytest.raises(ValueError, match="the limit message_burst must be at least 24"):
        limits(message_burst=23)


@pytest.mark.parametrize("seconds", [0, 0.5, 900])
def test_debounce_may_be_within_the_delay_of_the_queue(seconds: float) -> None:
    assert Timing(presence_debounce=seconds).presence_debounce == seconds


@pytest.mark.parametrize("seconds", [-0.1, 900.1])
def test_debounce_beyond_the_delay_of_the_queue_is_rejected(seconds: float) -> None:
    with pytest.raises(ValueError, match="presence_debounce must be 0 to 900 seconds"):
        Timing(presence_debounce=seconds)


def test_first_retention_check_is_after_the_shortest_retention() -> None:
    assert first_check_at(10_000, Timing(retention_day=2.0)) == 10 + 30 * 2
