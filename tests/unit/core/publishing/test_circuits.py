"""Circuit breakers: one probe at a time, and endpoints that are disabled."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chalicelib.core.protocol.endpoint_requests import ResumeEndpoint
from tests.support.publishing import ACKNOWLEDGED, FAILED, GONE, START, PublishingHarness

HOUR, DAY = 3600.0, 24 * 3600.0


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def test_endpoint_that_answers_410_is_disabled_and_keeps_its_cursors(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.sink.answer = lambda delivery: GONE
    harness.publish(chat)
    endpoint = harness.endpoint()
    assert (endpoint.is_enabled, "410" in endpoint.disabled_reason) == (False, True)
    cursor = harness.cursor(chat)
    assert (cursor.position, cursor.lease) == (0, None)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    assert harness.publishing.endpoints.save(endpoint._replace(disabled_at=0, disabled_reason=""))
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.sink.received("end_1", chat) == [1]


def dead(harness: PublishingHarness, count: int = 12) -> list[str]:
    """Return conversations of an endpoint that has failed for all of them."""
    harness.add_endpoint()
    chats = [harness.create_conversation(f"person {number}") for number in range(count)]
    harness.sink.answer = lambda delivery: FAILED
    harness.publishing.wake_ups.wake(chats)
    harness.wait(0)
    return chats


def test_endpoint_that_fails_for_all_gets_one_probe_at_a_time(harness: PublishingHarness) -> None:
    dead(harness)
    assert harness.endpoint().failing_since == START
    before = len(harness.sink.attempts)
    assert before == 10, "the other two found the circuit breaker open"
    harness.wait(2 * HOUR)
    probes = len(harness.sink.attempts) - before
    assert 7 <= probes <= 25
    assert len({delivery.conversation_id for delivery in harness.sink.attempts[-5:]}) > 1, "others are tried"
    assert not any(harness.cursor(delivery.conversation_id).parked_at for delivery in harness.sink.attempts)


def test_success_closes_the_circuit_and_resumes_all(harness: PublishingHarness) -> None:
    chats = dead(harness)
    late = harness.create_conversation("late")
    harness.publishing.wake_ups.wake([late])
    harness.wait(2 * HOUR)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.wait(900)
    assert all(harness.sink.received("end_1", chat) == [1] for chat in [*chats, late])
    endpoint = harness.endpoint()
    assert (endpoint.failing_since, endpoint.failures, endpoint.probe_at) == (0, 0, 0)
    harness.wait(HOUR)
    assert harness.publishing.lags.lagging("end_1", None, 100) == []


def test_messages_to_a_dead_endpoint_queue_nothing_but_probes(harness: PublishingHarness) -> None:
    chats = dead(harness)
    harness.wait(HOUR)
    harness.publishing.wake_ups.wake(chats)
    harness.run_due()
    before = len(harness.deliveries.sent)
    for chat in chats:
        harness.send_message(f"person {chats.index(chat)}", chat)
        harness.publishing.wake_ups.wake([chat])
    assert len(harness.deliveries.sent) == before
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.wait(HOUR)
    assert all(harness.sink.received("end_1", chat) == [1, 2] for chat in chats)


def test_sweep_probes_when_the_probe_was_lost(harness: PublishingHarness) -> None:
    chats = dead(harness)
    harness.publishing.heartbeat.received(START)
    harness.publishing.walk.resume(60)
    harness.wait(HOUR)
    harness.deliveries.sent.clear()
    harness.clock.advance(HOUR)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.publishing.sweep.run(30)
    assert len(harness.deliveries.sent) == 1
    harness.wait(60)
    assert all(harness.sink.received("end_1", chat) == [1] for chat in chats)


def test_conversation_that_is_noted_while_the_circuit_closes_is_not_left(harness: PublishingHarness) -> None:
    chats = dead(harness)
    endpoint = harness.endpoint()
    harness.deliveries.sent.clear()
    circuits = harness.publishing.circuits
    harness.publishing.lags.clear("end_1", chats[0])
    circuits.note_success(endpoint)
    assert circuits.admits(endpoint, chats[0]), "the job goes on, as nothing else resumes it"


def test_endpoint_that_fails_for_three_days_is_disabled(harness: PublishingHarness) -> None:
    chats = dead(harness)
    harness.wait(3 * DAY + HOUR)
    endpoint = harness.endpoint()
    assert (endpoint.is_enabled, "three days" in endpoint.disabled_reason) == (False, True)
    assert START / 1000 + 3 * DAY <= endpoint.disabled_at / 1000 <= START / 1000 + 3 * DAY + 901
    attempts = len(harness.sink.attempts)
    harness.publishing.sweep.run(30)
    harness.wait(DAY)
    assert len(harness.sink.attempts) == attempts
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    assert harness.publishing.endpoints.save(endpoint._replace(disabled_at=0, disabled_reason=""))
    assert harness.endpoint().failing_since == 0
    harness.publishing.sweep.run(30)
    harness.wait(HOUR)
    assert all(harness.sink.received("end_1", chat) == [1] for chat in chats)


def test_outcomes_for_an_endpoint_that_was_deleted_meanwhile_are_dropped(harness: PublishingHarness) -> None:
    endpoint = harness.add_endpoint()
    circuits = harness.publishing.circuits
    harness.publishing.endpoints.delete("end_1")
    circuits.note_failure(endpoint, "conv_1")
    circuits.note_success(endpoint)
    circuits.disable(endpoint, "gone")
    assert harness.publishing.endpoints.endpoints() == []


def test_endpoint_that_a_service_changes_meanwhile_is_disabled_as_it_is_then(harness: PublishingHarness) -> None:
    endpoint = harness.add_endpoint()
    assert harness.publishing.endpoints.save(endpoint._replace(description="changed"))
    harness.publishing.circuits.disable(endpoint, "gone")
    assert (harness.endpoint().description, harness.endpoint().disabled_reason) == ("changed", "gone")


def park(harness: PublishingHarness, conversation_ids: Sequence[str]) -> None:
    """Park conversations, each with a lag note."""
    cursors, now = harness.publishing.cursors, int(harness.clock.now() * 1000)
    for conversation_id in conversation_ids:
        harness.publishing.lags.note("end_1", conversation_id)
        cursors.hasten(conversation_id, "end_1")
        cursor = cursors.acquire(conversation_id, "end_1", "holder", now, now + 1)
        assert cursor is not None
        assert cursors.note_failure(cursor, failures=20, retry_at=0, parked_at=5)


def test_probe_is_claimed_by_one_of_two_jobs(harness: PublishingHarness) -> None:
    chats = dead(harness)
    harness.clock.advance(60)
    endpoint = harness.endpoint()
    assert [harness.publishing.circuits.admits(endpoint, chat) for chat in chats[:2]] == [True, False]


def test_probe_skips_parked_conversations(harness: PublishingHarness) -> None:
    chats = dead(harness)
    park(harness, chats[1:])
    harness.publishing.lags.note("end_1", chats[0])
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.wait(60)
    assert not harness.endpoint().failing_since
    assert harness.sink.received("end_1", chats[0]) == [1]


@pytest.mark.parametrize("is_found", [True, False])
def test_sweep_finds_a_conversation_to_probe_among_parked_ones(harness: PublishingHarness, is_found: bool) -> None:
    chats = dead(harness, 40)
    park(harness, chats[is_found:])
    harness.publishing.lags.note("end_1", chats[0])
    harness.clock.advance(HOUR)
    harness.deliveries.sent.clear()
    harness.publishing.circuits.probe(harness.endpoint())
    assert [chat for _, chat, _ in harness.deliveries.sent] == chats[:is_found]


def test_command_probes_at_once_and_resumes_all() -> None:
    harness = PublishingHarness()
    harness.add_endpoint("ep_1")
    chats = [harness.create_conversation(f"person {number}") for number in range(12)]
    harness.sink.answer = lambda delivery: FAILED
    harness.publishing.wake_ups.wake(chats)
    harness.wait(6 * HOUR)
    harness.deliveries.sent.clear()
    assert harness.endpoint("ep_1").failing_since
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.publishing.registry.resume("ep_1", ResumeEndpoint(conversation_id=chats[3]))
    harness.wait(1)
    assert not harness.endpoint("ep_1").failing_since
    assert all(harness.sink.received("ep_1", chat) == [1] for chat in chats)


def test_attempt_that_fails_after_its_endpoint_was_disabled_is_not_counted(harness: PublishingHarness) -> None:
    endpoint = harness.add_endpoint()
    chat = harness.create_conversation("alice")
    assert harness.publishing.endpoints.save(endpoint._replace(disabled_at=START, disabled_reason="by hand"))
    for _ in range(12):
        harness.publishing.circuits.note_failure(endpoint, chat)
    assert (harness.endpoint().failures, harness.endpoint().failing_since) == (0, 0)
