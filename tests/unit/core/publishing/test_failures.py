"""Failures: backoff, parking, the circuit breaker, slots, and lag notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.endpoints import DynamoEndpoints
from chalicelib.core.model.publishing import Cursor, Delivery, DeliveryResult, Endpoint, Outcome
from chalicelib.core.protocol.endpoint_requests import ResumeEndpoint
from chalicelib.core.publishing import schedule
from local.faults.engine import MemoryEngine
from tests.support.publishing import ACKNOWLEDGED, FAILED, GONE, START, PublishingHarness

HOUR, DAY = 3600.0, 24 * 3600.0
ENDPOINT = Endpoint("end_1", "webhook", "https://example.com/", START)
CURSOR = Cursor("conv_1", "end_1")


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def failing_for(*conversation_ids: str) -> Callable[[Delivery], DeliveryResult]:
    return lambda delivery: FAILED if delivery.conversation_id in conversation_ids else ACKNOWLEDGED


# ---- the rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 5), (2, 10), (3, 20), (10, 2_560), (13, 20_480), (14, 28_800), (20, 28_800)]
)
def test_retry_is_random_up_to_a_bound_that_doubles(failures: int, bound: float) -> None:
    delays = [schedule.retry_delay(failures, None) for _ in range(300)]
    assert max(delays) <= bound
    assert max(delays) > 0.8 * bound
    assert min(delays) < 0.2 * bound


def test_twenty_attempts_take_less_than_three_days() -> None:
    bounds = [min(schedule.RETRY_BASE * 2**n, schedule.RETRY_CAP) for n in range(20)]
    assert 2.5 * DAY < sum(bounds) < 3 * DAY


@pytest.mark.parametrize(("asked", "low", "high"), [(0.0, 0, 5), (60.0, 60, 60), (1e9, 6 * HOUR, 6 * HOUR)])
def test_retry_after_is_obeyed_up_to_six_hours(asked: float, low: float, high: float) -> None:
    assert low <= schedule.retry_delay(1, asked) <= high


@pytest.mark.parametrize(
    ("failures", "low", "high"), [(10, 15, 30), (11, 30, 60), (14, 240, 480), (15, 450, 900), (90, 450, 900)]
)
def test_probes_are_at_most_fifteen_minutes_apart(failures: int, low: float, high: float) -> None:
    assert all(low <= schedule.probe_delay(failures) <= high for _ in range(100))


@pytest.mark.parametrize(
    ("failures", "failing_since", "succeeded_at", "circuit", "expected"),
    [
        (0, 0, 0, 0, 1),
        (0, 0, 900, 0, 1),
        (7, 100, 0, 0, 7),
        (7, 100, 100, 0, 7),
        (7, 100, 101, 0, 8),
        (7, 100, 101, 150, 7),
    ],
    ids=["first", "first after others", "no success", "before", "others succeed", "circuit open"],
)
def test_failure_counts_while_others_succeed(
    failures: int, failing_since: int, succeeded_at: int, circuit: int, expected: int
) -> None:
    cursor = CURSOR._replace(failures=failures, own_failures=failures, failing_since=failing_since)
    endpoint = ENDPOINT._replace(succeeded_at=succeeded_at, failing_since=circuit)
    assert schedule.own_failures_after(cursor, endpoint) == expected


@pytest.mark.parametrize(
    ("failures", "since", "opens"), [(9, 0, False), (10, 0, True), (11, 0, True), (11, 5, False)]
)
def test_circuit_opens_after_ten_failures(failures: int, since: int, opens: bool) -> None:
    assert schedule.opens_circuit(ENDPOINT._replace(failures=failures, failing_since=since)) is opens


@pytest.mark.parametrize(("since", "given_up"), [(0, False), (START, True), (START + 1, False)])
def test_endpoint_is_given_up_after_three_days(since: int, given_up: bool) -> None:
    assert schedule.is_given_up(ENDPOINT._replace(failing_since=since), START + 3 * int(DAY * 1000)) is given_up


# ---- one conversation ----------------------------------------------------------------------------------


def test_failed_attempt_is_repeated_with_a_note_until_it_succeeds(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED if delivery.attempt == 1 else ACKNOWLEDGED
    harness.publishing.wake_ups.wake([chat])
    harness.wait(0)
    assert harness.publishing.lags.lagging("end_1", None, 10) == [chat]
    cursor = harness.cursor(chat)
    assert (cursor.failures, cursor.lease, cursor.failing_since) == (1, None, START)
    assert cursor.retry_at <= START + 5000
    harness.wait(10)
    assert harness.sink.received("end_1", chat) == [1]
    assert harness.publishing.lags.lagging("end_1", None, 10) == []
    cursor = harness.cursor(chat)
    assert (cursor.failures, cursor.retry_at, cursor.failing_since, cursor.is_noted) == (0, 0, 0, False)


def test_wake_up_does_not_hasten_the_next_attempt(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: DeliveryResult(Outcome.FAILED, "503", retry_after=2 * HOUR)
    harness.publishing.wake_ups.wake([chat])
    harness.wait(0)
    for _ in range(20):
        harness.send_message("alice", chat)
        harness.publishing.wake_ups.wake([chat])
    harness.wait(HOUR)
    assert len(harness.sink.attempts) == 1
    assert len(harness.deliveries.sent) == 1, "one message is under way, however many wake-ups came"
    harness.wait(1.01 * HOUR)
    assert len(harness.sink.attempts) == 2


def test_attempt_that_the_queue_does_not_take_is_found_by_the_sweep(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    harness.sink.answer = lambda delivery: FAILED
    harness.deliveries.sent.clear()
    harness.deliveries.is_down = True
    harness.run(chat)
    harness.deliveries.is_down = False
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.clock.advance(60)
    harness.publishing.heartbeat.received(START)
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.sink.received("end_1", chat) == [1]


def test_conversation_that_fails_alone_is_parked_and_resumed_by_command(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    bad, good = harness.create_conversation("alice"), harness.create_conversation("bob")
    harness.sink.answer = failing_for(bad)
    harness.publishing.wake_ups.wake([bad])
    while not harness.cursor(bad).parked_at:
        harness.send_message("bob", good)
        harness.publishing.wake_ups.wake([good])
        harness.wait(HOUR / 12 if harness.clock.now() < START / 1000 + HOUR else HOUR)
        assert harness.clock.now() < START / 1000 + 4 * DAY
    attempts = [delivery for delivery in harness.sink.attempts if delivery.conversation_id == bad]
    assert harness.cursor(bad).own_failures == 20
    assert harness.cursor(bad).failures == len(attempts) < 30, "the others came before another success"
    assert harness.endpoint().is_enabled
    harness.send_message("alice", bad)
    harness.publishing.wake_ups.wake([bad])
    harness.publishing.sweep.run(30)
    harness.wait(DAY)
    assert attempts == [delivery for delivery in harness.sink.attempts if delivery.conversation_id == bad]
    assert harness.publishing.lags.lagging("end_1", None, 10) == [bad], "it stays visible"
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.publishing.cursors.resume(bad, "end_1")
    harness.publishing.wake_ups.wake_pairs([(bad, "end_1")])
    harness.wait(0)
    assert harness.sink.received("end_1", bad) == [1, 2]


# ---- the endpoint --------------------------------------------------------------------------------------


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


def test_slow_endpoint_has_a_bounded_number_of_attempts_and_delays_no_other(harness: PublishingHarness) -> None:
    harness = PublishingHarness({"CHAT_LIMIT_SERVICE_DELIVERIES": "2"})
    harness.add_endpoint("end_1")
    harness.add_endpoint("end_2")
    chats = [harness.create_conversation(f"person {number}") for number in range(5)]
    nested: list[int] = []

    def slow(delivery: Delivery) -> DeliveryResult:
        """While it waits for `end_1`, other jobs run."""
        nested.append(1)
        if delivery.endpoint.endpoint_id == "end_1" and len(nested) < 5:
            harness.run(chats[len(nested)], "end_1")
        nested.pop()
        return ACKNOWLEDGED

    harness.sink.answer = slow
    harness.publishing.wake_ups.wake(chats)
    harness.deliveries.sent.clear()
    harness.run(chats[0], "end_1")
    assert {delivery.conversation_id for delivery in harness.sink.attempts} <= set(chats[:2])
    ((_, put_off, delay),) = harness.deliveries.sent
    assert put_off in chats
    assert 5 <= delay <= 30
    assert harness.publishing.lags.lagging("end_1", None, 10) == [put_off]
    harness.run(chats[4], "end_2")
    assert harness.sink.received("end_2", chats[4]) == [1]
    harness.wait(60)
    assert harness.sink.received("end_1", put_off) == [1]


def test_jobs_without_a_slot_leave_one_message_for_each_conversation(harness: PublishingHarness) -> None:
    harness = PublishingHarness({"CHAT_LIMIT_SERVICE_DELIVERIES": "1"})
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    store = DynamoEndpoints(Dynamo(harness.store, harness.clock), "conversations")
    assert store.take_slot("end_1", 0, "another", START, START + 600_000)
    for _ in range(5):
        harness.publishing.wake_ups.wake([chat])
    harness.run_due()
    assert len(harness.deliveries.sent) == 1
    harness.wait(700)
    assert harness.sink.received("end_1", chat) == [1]


@pytest.mark.parametrize("slow", [0.0, 1.0], ids=["same clock", "a second behind"])
def test_message_that_is_due_is_not_taken_for_one_under_way(harness: PublishingHarness, slow: float) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.sink.answer = lambda delivery: DeliveryResult(Outcome.FAILED, "503", retry_after=100)
    harness.publish(chat)
    ((_, _, delay),) = harness.deliveries.sent
    harness.deliveries.sent.clear()
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.clock.advance(delay - slow)
    harness.run(chat)
    harness.wait(5)
    assert harness.sink.received("end_1", chat) == [1]


def test_slot_of_a_crashed_job_becomes_free(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    store = DynamoEndpoints(Dynamo(harness.store, harness.clock), "conversations")
    assert store.take_slot("end_1", 0, "one", START, START + 1000)
    assert not store.take_slot("end_1", 0, "two", START + 999, START + 2000)
    assert store.take_slot("end_1", 0, "two", START + 1000, START + 2000)
    store.free_slot("end_1", 0, "one")
    assert not store.take_slot("end_1", 0, "three", START + 1001, START + 3000)


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


def test_probe_is_claimed_by_one_of_two_jobs(harness: PublishingHarness) -> None:
    chats = dead(harness)
    harness.clock.advance(60)
    endpoint = harness.endpoint()
    assert [harness.publishing.circuits.admits(endpoint, chat) for chat in chats[:2]] == [True, False]


def test_probe_skips_parked_conversations(harness: PublishingHarness) -> None:
    chats = dead(harness)
    cursors, now = harness.publishing.cursors, int(harness.clock.now() * 1000)
    for chat in chats[1:]:
        harness.publishing.lags.note("end_1", chat)
        cursors.hasten(chat, "end_1")
        cursor = cursors.acquire(chat, "end_1", "holder", now, now + 1)
        assert cursor is not None
        assert cursors.note_failure(cursor, failures=20, retry_at=0, parked_at=5)
    harness.publishing.lags.note("end_1", chats[0])
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.wait(60)
    assert not harness.endpoint().failing_since
    assert harness.sink.received("end_1", chats[0]) == [1]


@pytest.mark.parametrize("is_found", [True, False])
def test_sweep_finds_a_conversation_to_probe_among_parked_ones(harness: PublishingHarness, is_found: bool) -> None:
    chats = dead(harness, 40)
    cursors, now = harness.publishing.cursors, int(harness.clock.now() * 1000)
    for chat in chats[is_found:]:
        harness.publishing.lags.note("end_1", chat)
        cursors.hasten(chat, "end_1")
        cursor = cursors.acquire(chat, "end_1", "holder", now, now + 1)
        assert cursor is not None
        assert cursors.note_failure(cursor, failures=20, retry_at=0, parked_at=5)
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


# ---- lag notes -----------------------------------------------------------------------------------------


def test_lag_note_of_a_crashed_job_is_deleted_when_nothing_is_left(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.publish(chat)
    harness.publishing.lags.note("end_1", chat)
    assert not harness.cursor(chat).is_noted
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.publishing.lags.lagging("end_1", None, 10) == []


def test_lag_note_without_a_cursor_is_deleted(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.lags.note("end_1", "conv_purged")
    harness.publishing.sweep.run(30)
    assert harness.publishing.lags.lagging("end_1", None, 10) == []


def test_sweep_sends_nothing_for_what_is_parked_or_under_way(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.sink.answer = lambda delivery: DeliveryResult(Outcome.FAILED, "503", retry_after=100)
    harness.publish(chat)
    harness.publishing.circuits.resume_all("end_1", 1e12)
    assert len(harness.deliveries.sent) == 1
    harness.clock.advance(200)
    harness.publishing.circuits.resume_all("end_1", 1e12)
    assert len(harness.deliveries.sent) == 2


def test_notes_of_one_endpoint_leave_time_for_those_of_others() -> None:
    class SlowStore(MemoryEngine):
        """Each read of a cursor takes a second."""

        def get_item(self, **arguments: Any) -> Any:
            if arguments["Key"]["pk"]["S"].startswith("O#conv_"):
                slow.clock.advance(1)
            return super().get_item(**arguments)

    slow = PublishingHarness(engine=SlowStore)
    for endpoint_id in ("end_1", "end_2"):
        slow.add_endpoint(endpoint_id)
        for number in range(200):
            slow.publishing.cursors.wake(f"conv_{number}", endpoint_id)
            slow.publishing.lags.note(endpoint_id, f"conv_{number}")
    slow.publishing.heartbeat.received(START)
    slow.publishing.sweep.run(150)
    sent = [endpoint_id for endpoint_id, _, _ in slow.deliveries.sent]
    assert all(50 <= sent.count(endpoint_id) <= 75 for endpoint_id in ("end_1", "end_2"))
