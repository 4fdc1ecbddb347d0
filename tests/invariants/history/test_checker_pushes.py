"""The checker finds violations of L5 and L6: missing pushes, and faulty recipients that delay others."""

from __future__ import annotations

import pytest

from tests.invariants.history.correct_history import plain
from tests.invariants.history.records import ReceivedFrame


def test_missing_push_to_a_healthy_connection() -> None:
    builder = plain()
    event = builder.send("ann", "five", push=False).answer
    builder.push(event, to=["ann"])
    builder.finish()
    assert "L5" in builder.violated_laws()


@pytest.mark.parametrize(
    "excuse", ["bad socket", "unreliable posts", "subscribed later", "deadline of the fan-out"]
)
def test_excused_missing_push_has_no_violation(excuse: str) -> None:
    builder = plain()
    call = builder.send("ann", "five", push=False)
    builder.finish()
    match excuse:
        case "bad socket":
            for life in builder.history.sockets:
                life.is_faulty = True
        case "unreliable posts":
            builder.history.posts_are_reliable = False
        case "subscribed later":
            for subscribe in [subscribe for subscribe in builder.history.calls if subscribe.kind == "subscribe"]:
                subscribe.ended = call.started + 1
        case _:
            call.duration = 1.0
    assert builder.violated_laws() == set()


def test_replica_without_an_event_after_the_last_ping() -> None:
    builder = plain()
    builder.finish().replicas[0].events.pop()
    assert "L5" in builder.violated_laws()


def test_missing_notification_of_an_addition() -> None:
    builder = plain()
    builder.finish()
    builder.history.received = [
        frame for frame in builder.history.received if frame.frame["type"] != "conversation_added"
    ]
    assert "L5" in builder.violated_laws()


def test_response_that_takes_too_long() -> None:
    builder = plain()
    builder.send("ann", "five").duration = 60.0
    builder.finish()
    assert "L6" in builder.violated_laws()


def test_missing_response() -> None:
    builder = plain()
    builder.begin("ping", "bob", {"heads": {}}, via="bob 0.0", conversation_id="")
    builder.finish()
    assert "L6" in builder.violated_laws()


def test_push_that_takes_too_long() -> None:
    builder = plain()
    builder.finish()
    builder.history.received = [
        ReceivedFrame(frame.number, frame.time + 60.0, frame.participant_id, frame.socket, frame.frame)
        if frame.participant_id == "bob"
        else frame
        for frame in builder.history.received
    ]
    assert "L6" in builder.violated_laws()
