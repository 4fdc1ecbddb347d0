"""Published events: at least once, in order, without a gap, whatever happens to wake-ups, jobs and processes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

import pytest

from chalicelib.bootstrap.publishing import PublishingServices
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_AFTER, CRASH_BEFORE, nth
from tests.invariants.erasure_scenario import AT_ONCE, SECRETS, bob_lives_briefly, erase
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import SHOWS_OLD, Store
from tests.invariants.publishing import Deployment
from tests.invariants.tables import Tables
from tests.support.publishing import FAILED
from tests.support.stepper import Check, Outcomes, Run, crash_points, sample

SETUP = Setup(sockets=(), subscribed=())


@pytest.fixture
def deployment(tables: Tables) -> Deployment:
    return Deployment(tables)


def head_of(harness: Harness) -> int:
    head = harness.process().app.stores.event_log.head(harness.conversation)
    assert head is not None
    return head.sequence_id


def everything_is_received(deployment: Deployment, harness: Harness) -> None:
    received = deployment.sink.received(deployment.endpoint_id, harness.conversation)
    assert received == list(range(1, head_of(harness) + 1))


def says(harness: Harness, *texts: str) -> None:
    for text in texts:
        harness.process().post_message("alice", text, text.replace(" ", "-"))


def conversation(deployment: Deployment, *texts: str) -> Harness:
    harness = deployment.tables.harness(SETUP)
    says(harness, *texts)
    return harness


# ---- crashes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_failing", [False, True], ids=["acknowledged", "failed"])
def test_crash_at_any_call_of_a_job_loses_nothing(deployment: Deployment, is_failing: bool) -> None:
    def begin() -> Harness:
        deployment.renew()
        harness = conversation(deployment, "one", "two")
        deployment.process().wake_ups.wake([harness.conversation])
        deployment.queue.sent.clear()
        return harness

    def job(harness: Harness, client: DynamoClient) -> None:
        if is_failing:
            deployment.sink.answer = lambda delivery: FAILED
        try:
            deployment.process(client).publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
        finally:
            deployment.sink.answer = type(deployment.sink)().answer

    points = 0
    for point in crash_points(deployment.tables.engine, begin, job):
        with point as harness:
            says(harness, "three")
            deployment.process(skew=1.0).wake_ups.wake([harness.conversation])
            # SQS delivers the message of a crashed job again.
            deployment.queue.send(deployment.endpoint_id, harness.conversation, 60.0)
            deployment.drain([harness.conversation])
            everything_is_received(deployment, harness)
        points += 1
    print(f"a job, {'failed' if is_failing else 'acknowledged'}: {points} crash points")  # noqa: T201 — as elsewhere
    assert points >= 20


def test_crash_at_any_call_of_a_job_keeps_the_decision_about_notify_lists(deployment: Deployment) -> None:
    """Bob reads everything after the crash: he is on the list exactly if he was when the range was stored."""

    def begin() -> Harness:
        deployment.renew(notify=True)
        harness = conversation(deployment, "one")
        deployment.process().wake_ups.wake([harness.conversation])
        deployment.queue.sent.clear()
        return harness

    def job(harness: Harness, client: DynamoClient) -> None:
        deployment.sink.answer = lambda delivery: FAILED
        try:
            deployment.process(client).publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
        finally:
            deployment.sink.answer = type(deployment.sink)().answer

    seen = set()
    for point in crash_points(deployment.tables.engine, begin, job):
        with point as harness:
            (cursor,) = deployment.process().cursors.cursors(harness.conversation)
            harness.process(skew=0.5).mark_read("bob", 2)
            deployment.queue.send(deployment.endpoint_id, harness.conversation, 60.0)
            deployment.drain([harness.conversation])
            (listed,) = deployment.sink.attempts[-1].notify
            names = {member.participant_id for member in listed.members}
            assert (harness.participant_id("bob") in names) is (cursor.in_flight is not None)
            assert harness.participant_id("carol") in names
            seen.add(cursor.in_flight is not None)
    assert seen == {True, False}


def test_crash_at_any_call_of_a_wake_up_is_repaired_by_its_repeat(deployment: Deployment) -> None:
    def begin() -> Harness:
        return conversation(deployment, "one")

    def wake(harness: Harness, client: DynamoClient) -> None:
        deployment.process(client).wake_ups.wake([harness.conversation])

    for point in crash_points(deployment.tables.engine, begin, wake):
        with point as harness:
            deployment.process().wake_ups.wake([harness.conversation])
            deployment.drain([harness.conversation])
            everything_is_received(deployment, harness)


def test_crash_at_any_call_of_a_walk_is_repaired_by_the_next_one(deployment: Deployment) -> None:
    harnesses = [conversation(deployment, "one") for _ in range(2)]
    for harness in harnesses:
        deployment.index(harness.conversation)

    def walk(_world: None, client: DynamoClient) -> None:
        deployment.process(client).walk.resume(60.0)

    for point in crash_points(deployment.tables.engine, deployment.renew, walk):
        with point:
            deployment.process(skew=1.0).walk.resume(60.0)
            assert not deployment.progress.walk().is_due
            deployment.drain([harness.conversation for harness in harnesses])
            for harness in harnesses:
                everything_is_received(deployment, harness)


# ---- races ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [Store.ATOMIC, Store.HALF, Store.OTHER_HALF])
def test_two_jobs_and_an_append_race_for_one_cursor(deployment: Deployment, store: Store) -> None:
    def scenario(run: Run) -> Check:
        deployment.renew()
        harness = conversation(deployment, "one")
        deployment.process().wake_ups.wake([harness.conversation])
        deployment.queue.sent.clear()

        def publish(name: str, skew: float) -> Callable[[], None]:
            services = deployment.process(run.client(name, deployment.tables.engine), skew=skew)
            return lambda: services.publisher.run(deployment.endpoint_id, harness.conversation, 30.0)

        def append() -> None:
            client = run.client("append", deployment.tables.engine)
            harness.process(client).post_message("bob", "two", "two")
            deployment.process(client).wake_ups.wake([harness.conversation])

        run.operation("one", publish("one", 0.0))
        run.operation("two", publish("two", 0.001))
        run.operation("append", append)

        def check(outcomes: Outcomes) -> None:
            for outcome in outcomes.values():
                outcome.result()
            deployment.drain([harness.conversation])
            everything_is_received(deployment, harness)

        return check

    is_split = store is not Store.ATOMIC
    sample(scenario, count=30, seed=19, split_transactions=is_split, shows_old=SHOWS_OLD[store])


def test_holder_whose_lease_was_taken_over_changes_nothing(deployment: Deployment) -> None:
    harness = conversation(deployment, "one", "two")
    deployment.process().wake_ups.wake([harness.conversation])
    answer = deployment.sink.answer
    overtaken = False

    def frozen(delivery: object) -> object:
        """While the process is frozen, its lease ends, and another job publishes everything and more."""
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            deployment.process(skew=60.0).publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
            says(harness, "three")
            deployment.process(skew=61.0).wake_ups.wake([harness.conversation])
            deployment.process(skew=62.0).publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
        return answer(delivery)  # type: ignore[arg-type]

    deployment.sink.answer = frozen  # type: ignore[assignment]
    deployment.process().publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
    (cursor,) = deployment.process().cursors.cursors(harness.conversation)
    assert cursor.position == head_of(harness)
    everything_is_received(deployment, harness)


# ---- everything at once --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_consumer_misses_nothing_whatever_is_lost(tables: Tables, seed: int) -> None:
    """Wake-ups are shuffled, doubled and dropped, jobs likewise; endpoints fail, and processes crash."""
    chance, deployment = random.Random(seed), Deployment(tables)
    harnesses = [conversation(deployment) for _ in range(3)]
    for harness in harnesses:
        deployment.index(harness.conversation)
    deployment.sink.answer = lambda delivery: chance.choice([FAILED, answer(delivery), answer(delivery)])
    answer = type(deployment.sink)().answer
    woken: list[str] = []
    for step in range(60):
        harness, skew = chance.choice(harnesses), step * 40.0
        doing = chance.random()
        if doing < 0.4:
            says(harness, f"{step}")
            woken += chance.choice([[], [harness.conversation], [harness.conversation] * 2])
        elif doing < 0.5:
            bob_lives_briefly(harness) if head_of(harness) < 2 else says(harness, f"{step} again")
        elif doing < 0.7 and woken:
            chance.shuffle(woken)
            crashing(deployment, chance, skew, wakes(woken.pop()))
        elif deployment.queue.sent:
            chance.shuffle(deployment.queue.sent)
            endpoint_id, name, _ = deployment.queue.sent.pop()
            if chance.random() < 0.8:
                crashing(deployment, chance, skew, publishes(endpoint_id, name))
    erase(harnesses[0].process(skew=3000.0, timing=AT_ONCE))
    deployment.queue.sent.clear()
    deployment.sink.answer = answer
    deployment.walk(skew=200_000.0)
    for harness in harnesses:
        everything_is_received(deployment, harness)
    last = deployment.sink.acknowledged[deployment.endpoint_id, harnesses[0].conversation][-1]
    assert last.events[-1]["sequence_id"] == head_of(harnesses[0])


Act = Callable[[PublishingServices], None]


def wakes(conversation_id: str) -> Act:
    return lambda services: services.wake_ups.wake([conversation_id])


def publishes(endpoint_id: str, conversation_id: str) -> Act:
    return lambda services: services.publisher.run(endpoint_id, conversation_id, 30.0)


def crashing(deployment: Deployment, chance: random.Random, skew: float, act: Act) -> None:
    """Act, and crash at some store call or not at all."""
    plan = nth(chance.randint(1, 25), chance.choice([CRASH_BEFORE, CRASH_AFTER]))
    with contextlib.suppress(Crash):
        act(deployment.process(FaultyClient(deployment.tables.engine, plan), skew=skew))


def test_repeat_of_a_range_has_nothing_that_was_erased_meanwhile(deployment: Deployment) -> None:
    deployment.renew(notify=True)
    harness = deployment.tables.harness(SETUP)
    bob_lives_briefly(harness)
    says(harness, "for bob")
    bob = harness.participant_id("bob")
    deployment.process().wake_ups.wake([harness.conversation])
    answer = deployment.sink.answer
    deployment.sink.answer = lambda delivery: FAILED
    deployment.process().publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
    (failed,) = deployment.sink.attempts
    assert SECRETS[0] in str(failed.events)
    assert bob in str(failed.notify)
    erase(harness.process(skew=100.0, timing=AT_ONCE))
    deployment.sink.answer = answer
    deployment.process(skew=200.0).wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation], skew=200.0)
    _, repeat, *later = deployment.sink.attempts
    assert repeat.delivery_id == failed.delivery_id
    for secret in SECRETS[:2]:
        assert secret not in str([one.events for one in (repeat, *later)])
    assert bob not in str((repeat.events, repeat.notify))
    everything_is_received(deployment, harness)


# ---- purges --------------------------------------------------------------------------------------------


def test_crash_at_any_call_of_a_purge_leaves_neither_items_nor_cursors(deployment: Deployment) -> None:
    def begin() -> Harness:
        harness = conversation(deployment, "one")
        deployment.app().conversations.lifecycle.delete(harness.process().principal("alice"), harness.conversation)
        deployment.process().wake_ups.wake([harness.conversation])
        deployment.drain([])
        return harness

    def purge(_harness: Harness, client: DynamoClient) -> None:
        assert deployment.app(client, skew=200.0).conversations.lifecycle.purge_due(60.0) == 1

    for point in crash_points(deployment.tables.engine, begin, purge):
        with point as harness:
            deployment.app(skew=201.0).conversations.lifecycle.purge_due(60.0)
            left = [key for key in deployment.tables.stored_keys() if harness.conversation in key]
            assert [key for key in left if not key.startswith(("RETENTION ", "DEPLOYMENT ", "W#"))] == []


# ---- restores ------------------------------------------------------------------------------------------


def test_restored_conversation_is_reset_before_its_next_events(deployment: Deployment) -> None:
    harness = conversation(deployment, "one", "two")
    deployment.process().wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation])
    deployment.restore()
    says(harness, "after the restore")
    deployment.process(skew=200.0).wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation], skew=300.0)
    *_, reset, then = deployment.sink.attempts
    (event,) = reset.events
    assert (event["type"], event["history_id"], event["head"]) == ("log_reset", "1.restored", 3)
    assert (then.history_id, then.previous_sequence_id) == ("1.restored", 3)
    assert [event["sequence_id"] for event in then.events] == [4]
    assert len({delivery.delivery_id for delivery in deployment.sink.attempts}) == len(deployment.sink.attempts)


def test_reset_names_the_position_that_both_histories_have(deployment: Deployment) -> None:
    """The consumer knows more than the restored log: its head has moved on with other events since."""
    harness = conversation(deployment, "one")
    deployment.process().wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation])
    says(harness, "other", "events")
    deployment.restore()
    deployment.process(skew=200.0).wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation], skew=300.0)
    (reset,) = [one for one in deployment.sink.attempts if one.events[0]["type"] == "log_reset"]
    assert reset.events[0]["head"] == 2
    assert [event["sequence_id"] for event in deployment.sink.attempts[-1].events] == [3, 4]


def test_failed_reset_is_repeated_and_nothing_overtakes_it(deployment: Deployment) -> None:
    harness = conversation(deployment, "one")
    deployment.process().wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation])
    deployment.restore()
    says(harness, "two")
    answer = deployment.sink.answer
    deployment.sink.answer = lambda delivery: (
        FAILED if delivery.attempt < 3 and delivery.events[0]["type"] == "log_reset" else answer(delivery)
    )
    deployment.process(skew=200.0).wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation], skew=300.0)
    types = [one.events[0]["type"] for one in deployment.sink.attempts[-4:]]
    assert types == ["log_reset", "log_reset", "log_reset", "message"]


def test_lost_conversation_is_reset_to_nothing(deployment: Deployment) -> None:
    harness = conversation(deployment, "one")
    deployment.process().wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation])
    deployment.restore()
    key = {"pk": {"S": f"C#{harness.conversation}"}, "sk": {"S": "HEAD"}}
    deployment.tables.engine.delete_item(TableName=deployment.tables.conversations_table, Key=key)
    deployment.process(skew=200.0).wake_ups.wake([harness.conversation])
    deployment.drain([], skew=300.0)
    assert deployment.sink.attempts[-1].events[0]["head"] == 0
    assert deployment.process().cursors.cursors(harness.conversation) == []


def test_function_with_the_old_configuration_leaves_the_conversation(deployment: Deployment) -> None:
    harness = conversation(deployment, "one")
    old = deployment.process(skew=400.0)
    deployment.restore()
    deployment.process().wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation])
    says(harness, "two")
    deployment.process(skew=200.0).wake_ups.wake([harness.conversation])
    before = len(deployment.sink.attempts)
    old.publisher.run(deployment.endpoint_id, harness.conversation, 30.0)
    assert len(deployment.sink.attempts) == before
    deployment.drain([harness.conversation], skew=500.0)
    everything_is_received(deployment, harness)
