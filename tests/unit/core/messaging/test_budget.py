"""The budget of a participant: charges without a call, sums in the store, and refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.rate_limits import DynamoRateLimits
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.messaging import budget
from chalicelib.core.messaging.budget import Budget
from local.faults.engine import MemoryEngine
from local.faults.recording import Journal, RecordingClient
from tests.support.fakes import FakeClock
from tests.support.runtime import new_runtime

PER_SECOND, BURST = 10, 100


class Processes:
    """Budgets of several processes on one store."""

    def __init__(self) -> None:
        self.clock, self.journal = FakeClock(1_000_000.0), Journal()
        engine = RecordingClient(MemoryEngine("conversations", "connections"), self.journal)
        self.rate_limits = DynamoRateLimits(Dynamo(engine, self.clock), "connections")
        self.runtime = new_runtime(clock=self.clock)

    def new(self) -> Budget:
        return Budget("requests", PER_SECOND, BURST, rate_limits=self.rate_limits, runtime=self.runtime)

    @property
    def calls(self) -> int:
        return sum(self.journal.counts().values())


@pytest.fixture
def processes() -> Iterator[Processes]:
    yield Processes()


def spend(charged: Budget, price: int, times: int, participant_id: str = "alice") -> int:
    """Charge so many times; return how many were allowed."""
    allowed = 0
    for _ in range(times):
        try:
            charged.charge(participant_id, price)
        except RateLimited:
            continue
        allowed += 1
    return allowed


def test_charges_up_to_half_the_burst_cost_no_call(processes: Processes) -> None:
    assert spend(processes.new(), 10, BURST // 20) == BURST // 20
    assert processes.calls == 0


def test_free_request_is_not_charged(processes: Processes) -> None:
    charged = processes.new()
    assert spend(charged, 0, 10 * BURST) == 10 * BURST
    assert processes.calls == 0


@pytest.mark.parametrize("count", [1, 3])
def test_spending_is_bounded_by_the_burst_and_half_of_it_for_each_process(
    processes: Processes, count: int
) -> None:
    running = [processes.new() for _ in range(count)]
    spent = sum(spend(each, 1, 10 * BURST) for each in running)
    assert BURST <= spent <= BURST + count * BURST // 2


def test_spending_is_bounded_by_the_rate_and_a_twentieth_of_it_for_each_process(processes: Processes) -> None:
    running = [processes.new() for _ in range(2)]
    spent = 0
    for _ in range(600):
        processes.clock.advance(1)
        spent += sum(spend(each, 1, PER_SECOND) for each in running)
    assert spent <= 600 * PER_SECOND * (1 + 2 / 20) + 2 * BURST
    assert spent >= 600 * PER_SECOND * 0.9


def test_refusal_holds_as_long_as_it_says_and_costs_no_further_call(processes: Processes) -> None:
    charged = processes.new()
    spend(charged, 1, 10 * BURST)
    calls = processes.calls
    with pytest.raises(RateLimited) as refused:
        charged.charge("alice", 1)
    assert processes.calls == calls
    assert refused.value.retry_after is not None
    processes.clock.advance(refused.value.retry_after - 0.01)
    assert spend(charged, 1, 1) == 0
    processes.clock.advance(0.02)
    assert spend(charged, 1, 1) == 1


def test_participants_have_budgets_of_their_own(processes: Processes) -> None:
    charged = processes.new()
    spend(charged, 1, 10 * BURST)
    assert spend(charged, 1, BURST, "bob") == BURST


def test_steady_use_below_a_twentieth_of_the_rate_costs_no_call(processes: Processes) -> None:
    charged = processes.new()
    for _ in range(1000):
        processes.clock.advance(2)
        charged.charge("alice", 1)
    assert processes.calls == 0


def test_process_remembers_the_participants_that_were_charged_last(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_METERS", 2)
    charged = processes.new()
    for name in ("alice", "bob", "alice", "carol"):
        charged.charge(name, BURST // 2)
    calls = processes.calls
    charged.charge("bob", BURST // 2)
    assert processes.calls == calls, "forgotten"
    charged.charge("carol", 1)
    assert processes.calls == calls + 1


@pytest.mark.parametrize("per_second", [100, 1_000, 1_500, 10_000, 99_999])
def test_store_charges_the_rate_whatever_its_size(processes: Processes, per_second: int) -> None:
    rate_limits, runtime = processes.rate_limits, processes.runtime
    charged = Budget("services", per_second, 2 * per_second, rate_limits=rate_limits, runtime=runtime)
    price = per_second // 10
    spend(charged, price, 40, "backend")
    allowed = 0
    for _ in range(60):
        processes.clock.advance(1)
        allowed += spend(charged, price, 20, "backend")
    assert 580 <= allowed <= 650
