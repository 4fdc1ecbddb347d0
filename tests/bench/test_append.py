"""Short runs of the append designs, in simulated time."""

from dataclasses import replace

import pytest

from bench import writer_crash
from bench.append import GROUP_COMMIT, A, B, Scale, closed_loop, in_real_time, open_loop, partition_ceiling, report
from bench.cells import HOLE_SECONDS
from bench.designs import DESIGNS, Sequencer
from bench.harness import Harness, make_harness
from bench.latencies import TYPICAL_LATENCY, GrowingLatency
from bench.simulation import Simulation
from bench.targets import Targets
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.model.messages import IdempotencyKey

SMALL = Scale(senders=(1, 4), seconds=0.5, messages=40, rates=(30,), schedule_seconds=0.5, crashes=1)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("senders", [1, 6])
def test_every_design_accepts_messages_and_loses_none(name: str, senders: int) -> None:
    run = closed_loop(name, senders, SMALL)

    assert run.faults.total == 0
    assert run.unacknowledged == 0
    assert len(run.acked) >= 10
    assert run.rate > 0
    assert partition_ceiling(run) > 0


def test_single_message_takes_the_minimum_round_trips() -> None:
    run = closed_loop(GROUP_COMMIT, 1, replace(SMALL, seconds=1.0))

    # Connection and head, membership and rate limit, the transaction: 4 + 4 + 10 ms, each ± 25 %.
    assert max(run.latencies) <= 0.018 * (1 + TYPICAL_LATENCY.jitter) + 1e-6
    assert sum(run.latencies) / len(run.acked) == pytest.approx(0.0185, abs=0.001)
    assert run.per_message(sum(run.tally.calls.values())) == 5


def test_results_are_reproducible_by_seed() -> None:
    first, second = (closed_loop(A, 5, SMALL) for _ in range(2))

    assert first.latencies == second.latencies
    assert first.tally == second.tally


def test_group_commit_is_faster_than_optimistic_retries_under_contention() -> None:
    scale = replace(SMALL, seconds=1.0, messages=150)

    product, optimistic = (closed_loop(name, 40, scale) for name in (GROUP_COMMIT, A))

    assert product.rate > 2 * optimistic.rate
    assert product.rate >= 100
    assert max(product.latencies) < 1


def test_open_loop_keeps_its_schedule_independent_of_latency() -> None:
    run = open_loop(B, 100, SMALL, senders=5)

    assert len(run.acked) == pytest.approx(50, abs=25)
    assert run.faults.total == 0


def test_crashed_writer_blocks_readers_only_in_the_sequencer_design() -> None:
    # Whether the crashing writer becomes leader depends on the seed, and on random ids in the queue.
    product = next(
        damage
        for seed in range(20)
        if (damage := writer_crash.measure(GROUP_COMMIT, TYPICAL_LATENCY, seed)).crashed
    )
    cells = writer_crash.measure(B, TYPICAL_LATENCY, seed=1)

    assert cells.crashed
    assert product.longest_unreadable < 1
    assert cells.longest_unreadable >= HOLE_SECONDS - 1


def test_longer_transactions_reduce_throughput() -> None:
    slow, usual = (
        closed_loop(GROUP_COMMIT, 20, SMALL, latency)
        for latency in (GrowingLatency(per_item=0.01), TYPICAL_LATENCY)
    )

    assert slow.rate < usual.rate


def test_real_time_run_has_no_violations() -> None:
    run = in_real_time(3, 1, replace(SMALL, real_seconds=0.7, min_real_seconds=0.0))

    assert run.faults.total == 0
    assert min(run.latencies) >= 0.018 * (1 - TYPICAL_LATENCY.jitter)


def test_report_lists_every_design_and_is_correct() -> None:
    shown: list[str] = []

    short = replace(SMALL, messages=15, real_seconds=0.1, min_real_seconds=0.0)
    scale = replace(short, stretches=(1,), ministack_stretches=())
    assert report(scale, shown.append, Targets())

    text = "\n".join(shown)
    assert all(name in text for name in DESIGNS)
    assert "0 / 0 / 0" in text


# ---- correctness of design (b), for a fair comparison ------------------------------------------------------


def play(scene: "type[CellScenario]") -> None:
    simulation = Simulation()
    simulation.run(lambda: scene(make_harness(simulation, 2, latency=TYPICAL_LATENCY, seed=1)).play())


class CellScenario:
    """A scenario on a log of cells."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.design = Sequencer(harness)
        self.cells = self.design.cells
        self.conversation_id = harness.conversation_id

    def play(self) -> None:
        raise NotImplementedError

    def draw(self) -> int:
        """Allocate a number, as a writer that then crashes."""
        return self.cells.draw(self.conversation_id)


def test_repeated_send_returns_the_first_number_and_leaves_a_void() -> None:
    class Repeat(CellScenario):
        def play(self) -> None:
            sender = self.harness.participant_ids[0]
            first, again = (self.design.send(sender, f"{sender}:0") for _ in range(2))
            assert first == again == 2
            assert [event["type"] for event in self.harness.log()][1:] == ["message", "void"]

    play(Repeat)


def test_gap_blocks_readers_until_it_is_old_and_becomes_void() -> None:
    class Gap(CellScenario):
        def play(self) -> None:
            self.draw()
            sender = self.harness.participant_ids[0]
            assert self.design.send(sender, f"{sender}:0") == 3
            assert self.cells.read(self.conversation_id, 1) == 1
            self.harness.time.sleep(HOLE_SECONDS - 1)
            assert self.cells.read(self.conversation_id, 1) == 1
            self.harness.time.sleep(1)
            assert self.cells.read(self.conversation_id, 1) == 3
            assert [event["type"] for event in self.harness.log()][1:] == ["void", "message"]

    play(Gap)


def test_writer_of_a_voided_cell_allocates_a_new_number() -> None:
    class Late(CellScenario):
        def play(self) -> None:
            assert self.cells.void(self.conversation_id, 2)
            assert not self.cells.void(self.conversation_id, 2)
            sender = self.harness.participant_ids[0]
            assert self.design.send(sender, f"{sender}:0") == 3

    play(Late)


def test_append_of_a_former_member_leaves_a_void() -> None:
    class FormerMember(CellScenario):
        def play(self) -> None:
            sender = self.harness.participant_ids[0]
            member = replace(self.harness.member(sender), epoch=99)
            draft = self.design.draft(member, "x")
            with pytest.raises(NotFound):
                self.cells.append(draft, member, IdempotencyKey(self.conversation_id, sender, "x"))
            assert [event["type"] for event in self.harness.log()][1:] == ["void"]

    play(FormerMember)
