"""Publishing on fakes: an endpoint that checks what it receives, and a queue that a test empties as it likes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.bootstrap.publishing import PublishingServices
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.notify import NotifiedMember
from chalicelib.core.model.publishing import Cursor, Delivery, DeliveryResult, Endpoint, Outcome
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness
from tests.support.fakes import START_TIME

ACKNOWLEDGED, FAILED = DeliveryResult(Outcome.ACKNOWLEDGED), DeliveryResult(Outcome.FAILED, "500")
GONE = DeliveryResult(Outcome.GONE, "410")
START = int(START_TIME * 1000)


class Range(NamedTuple):
    """The parts of a delivery, apart from the contents."""

    delivery_id: str
    previous: int
    sequence_ids: tuple[int, ...]


class FakeSink:
    """An `EventSink` whose answers a test chooses. A repeat is the same, without removed members."""

    def __init__(self, answer: Callable[[Delivery], DeliveryResult] = lambda delivery: ACKNOWLEDGED) -> None:
        self.answer = answer
        self.attempts: list[Delivery] = []
        self.acknowledged: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
        """The deliveries by endpoint and conversation."""
        self._ranges: dict[str, Range] = {}
        self._notified: dict[str, set[tuple[int, NotifiedMember]]] = {}

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        """Record an attempt."""
        ids = tuple(event.get("sequence_id", 0) for event in delivery.events)
        assert ids, "a delivery has events"
        made = Range(delivery.delivery_id, delivery.previous_sequence_id, ids)
        name = f"{delivery.endpoint.endpoint_id} {delivery.delivery_id}"
        assert self._ranges.setdefault(name, made) == made, "a repeat has the same range"
        notified = {(found.sequence_id, member) for found in delivery.notify for member in found.members}
        assert notified <= self._notified.setdefault(name, notified), "a repeat lists no other member"
        self.attempts.append(delivery)
        result = self.answer(delivery)
        if result.outcome is Outcome.ACKNOWLEDGED:
            self.acknowledged[delivery.endpoint.endpoint_id, delivery.conversation_id].append(delivery)
        return result

    def received(self, endpoint_id: str, conversation_id: str) -> list[int]:
        """Return the sequence ids that a consumer has, which drops repeats by their delivery ids.

        Each delivery must continue the one before.
        """
        seen: set[str] = set()
        ids: list[int] = []
        for delivery in self.acknowledged[endpoint_id, conversation_id]:
            if delivery.delivery_id in seen:
                continue
            seen.add(delivery.delivery_id)
            if delivery.events[0]["type"] == "log_reset":
                ids = [sequence_id for sequence_id in ids if sequence_id <= delivery.events[0]["head"]]
            else:
                assert delivery.previous_sequence_id == (ids[-1] if ids else 0), "the stream has a gap"
                ids += [event["sequence_id"] for event in delivery.events]
        assert ids == sorted(set(ids)), "the stream is not in order"
        return ids


class FakeDeliveryQueue:
    """A `DeliveryQueue` that records the attempts, or rejects them while `is_down`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, float]] = []
        """Endpoint, conversation, and delay in seconds."""
        self.walks = 0
        self.is_down = False

    def send(self, endpoint_id: str, conversation_id: str, delay: float) -> None:
        """Record an attempt. Raises Unavailable."""
        if self.is_down:
            raise Unavailable
        self.sent.append((endpoint_id, conversation_id, delay))

    def send_walk(self) -> None:
        """Count the message. Raises Unavailable."""
        if self.is_down:
            raise Unavailable
        self.walks += 1


class PublishingHarness(AppHarness):
    """An application that publishes to a fake sink."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        engine: Callable[..., MemoryEngine] = MemoryEngine,
    ) -> None:
        """`environment` changes settings."""
        self.sink, self.deliveries = FakeSink(), FakeDeliveryQueue()
        ports = PublishingPorts(self.deliveries, lambda: self.sink)
        super().__init__({"CHAT_EVENTS": "on", **(environment or {})}, engine=engine, publishing=ports)

    @property
    def publishing(self) -> PublishingServices:
        """The services under test."""
        return self.chat.publishing

    def add_endpoint(self, endpoint_id: str = "end_1", **fields: Any) -> Endpoint:
        """Save a new endpoint and return it."""
        created_at = int(self.clock.now() * 1000)
        endpoint = Endpoint(endpoint_id, "webhook", "https://example.com/", created_at)._replace(**fields)
        assert self.publishing.endpoints.save(endpoint, walks=endpoint.start == "beginning")
        return self.endpoint(endpoint_id)

    def endpoint(self, endpoint_id: str = "end_1") -> Endpoint:
        """Return an endpoint that exists."""
        endpoint = self.publishing.endpoints.endpoint(endpoint_id)
        assert endpoint is not None
        return endpoint

    def cursor(self, conversation_id: str, endpoint_id: str = "end_1") -> Cursor:
        """Return a cursor that exists."""
        cursor = self.publishing.cursors.cursor(conversation_id, endpoint_id)
        assert cursor is not None
        return cursor

    def run(self, conversation_id: str, endpoint_id: str = "end_1", seconds: float = 30.0) -> None:
        """Run one job."""
        self.publishing.publisher.run(endpoint_id, conversation_id, seconds)

    def publish(self, *conversation_ids: str) -> None:
        """Wake conversations, and run all jobs that are due at once."""
        self.publishing.wake_ups.wake(conversation_ids)
        self.run_due()

    def run_due(self, within: float = 0.0) -> int:
        """Run jobs, also those that they queue, whose delay is at most `within`; return how many."""
        count = 0
        while due := [sent for sent in self.deliveries.sent if sent[2] <= within]:
            for sent in due:
                self.deliveries.sent.remove(sent)
                self.run(sent[1], sent[0])
                count += 1
            assert count < 1000, "the jobs never end"
        return count

    def wait(self, seconds: float) -> int:
        """Let time pass, in steps in which all jobs run that are due; return how many ran."""
        until, count = self.clock.now() + seconds, 0
        timed = [(self.clock.now() + delay, one, other) for one, other, delay in self.deliveries.sent]
        self.deliveries.sent.clear()
        while timed:
            timed.sort()
            at, endpoint_id, conversation_id = timed.pop(0)
            if at > until:
                timed.append((at, endpoint_id, conversation_id))
                break
            self.clock.set(max(at, self.clock.now()))
            self.run(conversation_id, endpoint_id)
            count += 1
            assert count < 5000, "the jobs never end"
            timed += [(self.clock.now() + delay, one, other) for one, other, delay in self.deliveries.sent]
            self.deliveries.sent.clear()
        self.clock.set(until)
        self.deliveries.sent = [(one, other, max(at - until, 0.0)) for at, one, other in timed]
        return count
