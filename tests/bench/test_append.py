"""Short runs of the comparison of designs, in simulated time."""

from dataclasses import replace

import pytest

from bench import dying
from bench.append import GROUP_COMMIT, A, B, Scale, closed_loop, in_real_time, open_loop, partition_ceiling, report
from bench.cells import HOLE_SECONDS
from bench.designs import DESIGNS, Sequencer
from bench.latencies import TYPICAL_LATENCY, GrowingLatency
from bench.simulation import Simulation
from bench.targets import Targets
from bench.world import Harness, make_harness
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.model.messages import IdempotencyKey

SMALL = Scale(senders=(1, 4), seconds=0.5, messages=40, rates=(30,), schedule_seconds=0.5, crashes=1)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("people", [1, 6])
def test_every_design_accepts_messages_and_loses_none(name: str, people: int) -> None:
    run = closed_loop(name, people, SMALL)

    assert run.faults.total == 0
    assert run.unacknowledged == 0
    assert len(run.acked) >= 10
    assert run.rate > 0
    assert partition_ceiling(run) > 0


def test_one_message_alone_takes_the_necessary_round_trips_and_no_more() -> None:
    run = closed_loop(GROUP_COMMIT, 1, replace(SMALL, seconds=1.0))

    # The socket's row with the head, membership with the rate, the transaction: 4 + 4 + 10 ms, each ± 25 %.
    assert max(run.latencies) <= 0.018 * (1 + TYPICAL_LATENCY.jitter) + 1e-6
    assert sum(run.latencies) / len(run.acked) == pytest.approx(0.0185, abs=0.001)
    assert run.per_message(sum(run.tally.calls.values())) == 5


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (closed_loop(A, 5, SMALL) for _ in range(2))

    assert first.latencies == second.latencies
    assert first.tally == second.tally


def test_a_crowd_is_served_by_a_queue_much_faster_than_by_trying_again() -> None:
    scale = replace(SMALL, seconds=1.0, messages=150)

    ours, optimistic = (closed_loop(name, 40, scale) for name in (GROUP_COMMIT, A))

    assert ours.rate > 2 * optimistic.rate
    assert ours.rate >= 100
    assert max(ours.latencies) < 1


def test_a_schedule_is_kept_however_long_messages_take() -> None:
    run = open_loop(B, 100, SMALL, senders=5)

    assert len(run.acked) == pytest.approx(50, abs=25)
    assert run.faults.total == 0


def test_a_dead_writer_stops_the_readers_of_cells_only() -> None:
    # Whether somebody leads whom the death is meant for is a matter of the seed, and of random ids in the queue.
    ours = next(
        damage for seed in range(20) if (damage := dying.measure(GROUP_COMMIT, TYPICAL_LATENCY, seed)).crashed
    )
    cells = dying.measure(B, TYPICAL_LATENCY, seed=1)

    assert cells.crashed
    assert ours.longest_unreadable < 1
    assert cells.longest_unreadable >= HOLE_SECONDS - 1


def test_longer_transactions_cost_throughput() -> None:
    slow, usual = (
        closed_loop(GROUP_COMMIT, 20, SMALL, latency)
        for latency in (GrowingLatency(per_item=0.01), TYPICAL_LATENCY)
    )

    assert slow.rate < usual.rate


def test_real_time_gives_a_run_of_the_same_kind() -> None:
    run = in_real_time(3, 1, replace(SMALL, real_seconds=0.7, min_real_seconds=0.0))

    assert run.faults.total == 0
    assert min(run.latencies) >= 0.018 * (1 - TYPICAL_LATENCY.jitter)


def test_the_report_shows_every_design_and_says_that_all_is_well() -> None:
    shown: list[str] = []

    short = replace(SMALL, messages=15, real_seconds=0.1, min_real_seconds=0.0)
    scale = replace(short, stretches=(1,), ministack_stretches=())
    assert report(scale, shown.append, Targets())

    text = "\n".join(shown)
    assert all(name in text for name in DESIGNS)
    assert "0 / 0 / 0" in text


# ---- design (b), so that it is compared as it should be ------------------------------------------------


def play(scene: "type[Scene]") -> None:
    simulation = Simulation()
    simulation.run(lambda: scene(make_harness(simulation, 2, latency=TYPICAL_LATENCY, seed=1)).play())


class Scene:
    """Something that happens to a log of cells."""

    def __init__(self, world: Harness) -> None:
        self.world = world
        self.design = Sequencer(world)
        self.cells = self.design.cells
        self.where = world.conversation_id

    def play(self) -> None:
        raise NotImplementedError

    def draw(self) -> int:
        """A number, as a writer draws it that then dies."""
        return self.cells.draw(self.where)


def test_a_repeat_of_a_send_gets_the_first_ones_number_and_leaves_a_void() -> None:
    class Repeat(Scene):
        def play(self) -> None:
            person = self.world.participant_ids[0]
            first, again = (self.design.send(person, f"{person}:0") for _ in range(2))
            assert first == again == 2
            assert [event["type"] for event in self.world.log()][1:] == ["message", "void"]

    play(Repeat)


def test_a_hole_stops_readers_until_it_is_old_and_is_void_then() -> None:
    class Hole(Scene):
        def play(self) -> None:
            self.draw()
            person = self.world.participant_ids[0]
            assert self.design.send(person, f"{person}:0") == 3
            assert self.cells.read(self.where, 1) == 1
            self.world.time.sleep(HOLE_SECONDS - 1)
            assert self.cells.read(self.where, 1) == 1
            self.world.time.sleep(1)
            assert self.cells.read(self.where, 1) == 3
            assert [event["type"] for event in self.world.log()][1:] == ["void", "message"]

    play(Hole)


def test_a_writer_whose_cell_was_made_void_draws_anew() -> None:
    class Late(Scene):
        def play(self) -> None:
            assert self.cells.void(self.where, 2)
            assert not self.cells.void(self.where, 2)
            person = self.world.participant_ids[0]
            assert self.design.send(person, f"{person}:0") == 3

    play(Late)


def test_who_is_no_member_any_more_leaves_a_void_and_no_message() -> None:
    class Gone(Scene):
        def play(self) -> None:
            person = self.world.participant_ids[0]
            member = replace(self.world.member(person), epoch=99)
            draft = self.design.draft(member, "x")
            with pytest.raises(NotFound):
                self.cells.append(draft, member, IdempotencyKey(self.where, person, "x"))
            assert [event["type"] for event in self.world.log()][1:] == ["void"]

    play(Gone)
