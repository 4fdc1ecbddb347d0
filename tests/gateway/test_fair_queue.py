"""Clients take turns at the workers, and one that uses much more than the others is restrained."""

import threading
from collections.abc import Iterator

import pytest

from local.gateway import Apis, RestApi, Route, WebSocketApi, load_gateway_responses
from local.gateway.fair_queue import FairQueue, Job, Usage, pause_after
from local.gateway.worker_limits import Limits
from local.gateway.workers import QueueFull, WorkerPool, sleep

from .conftest import Connect, Serve
from .support import DEADLINE, Event, FakeFunction, fetch, wait_until


def job(client: str) -> Job:
    return Job(lambda: None, client)


def queue_of(clients: str) -> FairQueue:
    """Return a queue with a job for each letter, which is the name of its client."""
    queue = FairQueue()
    for client in clients:
        queue.append(job(client))
    return queue


def order(queue: FairQueue, restrained: str = "") -> str:
    taken = []
    while (found := queue.take(lambda client: client not in restrained)) is not None:
        taken.append(found.client)
    return "".join(taken)


def test_clients_take_turns() -> None:
    assert order(queue_of("aaaaabbc")) == "abcabaaa"


def test_client_that_may_not_start_is_passed_over() -> None:
    queue = queue_of("aabb")
    assert order(queue, restrained="a") == "bb"
    assert len(queue) == 2
    assert order(queue) == "aa"


def test_withdrawn_jobs_are_not_taken() -> None:
    queue = queue_of("a")
    withdrawn = job("a")
    withdrawn.withdrawn = True
    queue.append(withdrawn)
    assert order(queue) == "a"
    assert len(queue) == 0
    assert not queue.has_queued("a")


def test_full_queue_has_room_for_a_client_with_less_than_its_part() -> None:
    queue = queue_of("a" * 10)
    assert not queue.has_room("a", 10)
    assert queue.has_room("b", 10)
    for _ in range(5):
        queue.append(job("b"))
    assert not queue.has_room("b", 10)
    assert queue.has_room("c", 10)
    assert not FairQueue().has_room("a", 0)


def test_queue_has_room_again_after_jobs_were_taken_or_withdrawn() -> None:
    queue = queue_of("a" * 3)
    assert not queue.has_room("a", 3)
    assert queue.take(lambda client: True) is not None
    assert queue.has_room("a", 3)
    withdrawn = job("a")
    queue.append(withdrawn)
    assert not queue.has_room("a", 3)
    while (found := queue.take(lambda client: True)) is not withdrawn:
        assert found is not None
    queue.append(withdrawn)
    withdrawn.withdrawn = True
    assert len(queue) == 0
    assert queue.has_room("a", 1)
    queue.append(job("b"))
    queue.clear()
    assert queue.has_room("a", 1)


def test_client_that_uses_much_more_than_others_is_excessive_for_a_while() -> None:
    usage = Usage()
    usage.add("busy", 3.0, 0.0, is_alone=False)
    assert not usage.is_excessive("busy", 0.0), "no other client is active"
    usage.add("calm", 0.05, 0.0, is_alone=False)
    assert usage.is_excessive("busy", 0.0)
    assert not usage.is_excessive("calm", 0.0)
    usage.add("calm", 0.05, 10.0, is_alone=False)
    assert usage.is_excessive("busy", 10.0), "no turns of both states while it continues"
    assert not usage.is_excessive("busy", 14.0)
    usage.add("busy", 0.5, 14.0, is_alone=False)
    assert not usage.is_excessive("busy", 14.0)


def test_equal_clients_are_not_excessive() -> None:
    usage = Usage()
    for client in ("a", "b", "c"):
        usage.add(client, 5.0, 0.0, is_alone=False)
    assert not any(usage.is_excessive(client, 0.0) for client in ("a", "b", "c"))


def test_client_with_one_job_at_a_time_is_not_excessive() -> None:
    usage = Usage()
    usage.add("calm", 0.05, 0.0, is_alone=True)
    for _ in range(100):
        usage.add("patient", 0.1, 0.0, is_alone=True)
    assert not usage.is_excessive("patient", 0.0)


def test_unknown_clients_are_not_excessive() -> None:
    usage = Usage()
    usage.add("calm", 0.05, 0.0, is_alone=False)
    usage.add("", 9.0, 0.0, is_alone=False)
    assert not usage.is_excessive("", 0.0)


def test_pause_is_proportional_and_bounded() -> None:
    assert pause_after(0.01) == pytest.approx(0.04)
    assert pause_after(9.0) == 0.25


class Busy:
    """A pool of two workers on a clock that only the test moves, with jobs that wait for `hold`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.running: list[str] = []
        self.at_once = 0
        self.hold = threading.Event()
        limits = Limits(workers=2, max_threads=4, queue_length=100, blocked_after=60.0)
        self.pool = WorkerPool(lambda: limits, lambda: self.now)

    def submit(self, client: str) -> threading.Event:
        done = threading.Event()

        def run() -> None:
            self.running.append(client)
            self.at_once = max(self.at_once, self.running.count("attacker"))
            self.hold.wait(DEADLINE)
            self.running.remove(client)
            done.set()

        self.pool.submit(Job(run, client))
        return done


@pytest.fixture
def busy() -> Iterator[Busy]:
    """Return a pool in which `attacker` has used both workers for two seconds beside a calm client."""
    busy = Busy()
    busy.hold.set()
    assert busy.submit("calm").wait(DEADLINE)
    busy.hold.clear()
    first = [busy.submit("attacker") for _ in range(2)]
    wait_until(lambda: len(busy.running) == 2, "two running jobs")
    busy.now = 2.0
    busy.hold.set()
    assert all(done.wait(DEADLINE) for done in first)
    busy.hold.clear()
    busy.at_once = 0
    yield busy
    busy.hold.set()
    busy.pool.close()
    wait_until(lambda: busy.pool.threads() == 0, "the end of all threads")


def test_excessive_client_has_one_job_at_a_time(busy: Busy) -> None:
    attacks = [busy.submit("attacker") for _ in range(3)]
    wait_until(lambda: "attacker" in busy.running, "a job of the attacker")
    busy.submit("calm")
    wait_until(lambda: "calm" in busy.running, "a job of the other client")
    busy.hold.set()
    assert all(attack.wait(DEADLINE) for attack in attacks)
    assert busy.at_once == 1


def test_closed_pool_starts_no_job_of_a_restrained_client_that_sleeps(busy: Busy) -> None:
    asleep, wake = threading.Event(), threading.Event()

    def wait(seconds: float) -> None:
        asleep.set()
        wake.wait(seconds)

    busy.pool.submit(Job(lambda: sleep(DEADLINE, wait), "attacker"))
    assert asleep.wait(DEADLINE)
    busy.submit("attacker")
    wait_until(lambda: "attacker" in busy.running, "a job beside the one that sleeps")
    queued = busy.submit("attacker")
    busy.pool.close()
    wake.set()
    busy.hold.set()
    wait_until(lambda: busy.pool.threads() == 0, "the end of all threads")
    assert not queued.is_set()


def test_full_queue_of_one_client_refuses_no_other() -> None:
    limits = Limits(workers=1, max_threads=1, queue_length=2, blocked_after=60.0)
    pool = WorkerPool(lambda: limits)
    entered, hold, order = threading.Event(), threading.Event(), list[str]()

    def run() -> None:
        entered.set()
        hold.wait(DEADLINE)

    pool.submit(Job(run, "attacker"))
    assert entered.wait(DEADLINE)
    for _ in range(2):
        pool.submit(Job(lambda: order.append("attacker"), "attacker"))
    with pytest.raises(QueueFull):
        pool.submit(job("attacker"))
    pool.submit(Job(lambda: order.append("calm"), "calm"))
    hold.set()
    wait_until(lambda: len(order) == 3, "all jobs")
    assert order == ["attacker", "calm", "attacker"]
    pool.close()


def test_client_with_many_messages_in_flight_is_not_read(serve: Serve, connect: Connect) -> None:
    held = threading.Event()
    default = FakeFunction(lambda event: held.wait(DEADLINE) and None)
    gateway = serve(WebSocketApi(default=default), messages_in_flight=3, function_workers=50)
    flooding, calm = connect(gateway.ws_url), connect(gateway.ws_url)
    for number in range(10):
        flooding.send(f"{number}")
    default.wait_for(3)
    calm.send("calm")
    default.wait_for(4)
    assert sorted(default.bodies()) == ["0", "1", "2", "calm"]
    held.set()
    default.wait_for(11)


def test_requests_with_different_credentials_take_turns(serve: Serve) -> None:
    held, order = threading.Event(), list[str]()

    def handler(event: Event, _: object) -> dict[str, object]:
        held.wait(DEADLINE)
        order.append(event["headers"]["Authorization"])
        return {"statusCode": 200}

    api = RestApi(handler, (Route("/", "GET"),), load_gateway_responses())
    gateway = serve(Apis(rest=api), function_workers=1, function_concurrency=1, blocked_after=60.0)
    threads = []
    for number, token in enumerate(("first", "hostile", "hostile", "hostile", "honest"), 1):
        options = {"headers": {"Authorization": token}}
        threads.append(threading.Thread(target=fetch, args=(gateway.http_url,), kwargs=options))
        threads[-1].start()
        wait_until(lambda number=number: gateway.counters().get("rest.requests") == number, "the request")  # type: ignore[misc]
    held.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert order == ["first", "hostile", "honest", "hostile", "hostile"]


def test_clients_that_were_active_once_are_forgotten() -> None:
    usage = Usage()
    for second in range(1_000):
        usage.add(f"ticket {second}", 0.01, float(second), is_alone=False)
    assert len(usage) < 50
