"""The laws, seen from outside: random programs of many clients at once, and their histories checked.

Hypothesis draws programs (`history/programs.py`): some people with some sockets each, conversations, rounds
of steps that begin at the same moment, and the disorders of the gateway. A program is run over real sockets
against the real app in a process of its own. Everything that clients send, get and hear is recorded with its
order in real time, and a pure checker (`history/checker`, with tests of its own) looks for events that were
lost, doubled, reordered, invented or leaked, and for whatever else the contract forbids.

Some programs end with the erasure of one person while the others write on: after it nothing of them may be shown
to anybody, and everything else must be as it was.

A day of retention is so short here that contents expire while a program runs. Owners change how many days there
are, and sweeps come beside everything else. Some programs end with time that passes and a sweep: what is past
retention must have gone, what is not must be there, every place stays, and nothing that had gone is seen again.

The programs in `history/saved` are made for one race each; some of them once showed a defect.

What is drawn is reproducible, how threads interleave is not: a failure that shows is real, and yet the same
program may pass the next time. A failing program and its history are saved, and the message says where.

| variable             | meaning                                                                              |
|----------------------|--------------------------------------------------------------------------------------|
| `CHAT_LAWS_EXAMPLES` | how many programs to run (12); a night takes 10000                                   |
| `CHAT_LAWS_SEED`     | where the drawing starts from (0): another number, other programs                    |
| `CHAT_LAWS_REPLAY`   | a saved program to run so often, instead of drawing any                              |
| `CHAT_LAWS_SHRINK`   | how often to try each smaller program, to find a small one that fails (0: never)     |
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.invariants.history.checker import check
from tests.invariants.history.programs import Program, programs
from tests.invariants.history.runner import run
from tests.invariants.history.world import World

EXAMPLES = int(os.environ.get("CHAT_LAWS_EXAMPLES", "12"))
SEED = int(os.environ.get("CHAT_LAWS_SEED", "0"))
REPLAY = os.environ.get("CHAT_LAWS_REPLAY", "")
SHRINK = int(os.environ.get("CHAT_LAWS_SHRINK", "0"))
# Beyond ten examples of a drawing hypothesis makes new ones by changing old ones a little; we want different ones.
EXAMPLES_OF_A_DRAWING = 3
SAVED = Path(__file__).with_name("history") / "saved"

pytestmark = pytest.mark.laws


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world") / "server.log") as world:
        yield world


def obeys_the_laws(world: World, program: Program, directory: Path, times: int = 1) -> None:
    """Run a program so often; if a law is broken, save what there is to see."""
    for _ in range(times):
        history = run(world, program)
        if violations := check(history):
            (directory / "program.json").write_text(program.to_json(), "utf-8")
            (directory / "history.json").write_text(json.dumps(history.to_json(), indent=1), "utf-8")
            found = "\n".join(f"  {violation}" for violation in violations[:20])
            raise AssertionError(f"{len(violations)} violations; program and history are in {directory}:\n{found}")


def drawn_programs_obey_the_laws(world: World, drawing: int, directory: Path) -> None:
    """Run the programs of one drawing."""

    @seed(SEED + drawing)
    @settings(
        max_examples=min(EXAMPLES - drawing * EXAMPLES_OF_A_DRAWING, EXAMPLES_OF_A_DRAWING),
        phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
        print_blob=False,
    )
    @given(programs())
    def hold(program: Program) -> None:
        obeys_the_laws(world, program, directory, max(SHRINK, 1))

    hold()


if REPLAY:

    def test_a_replayed_program_obeys_the_laws(world: World, tmp_path: Path) -> None:
        obeys_the_laws(world, Program.from_json(Path(REPLAY).read_text("utf-8")), tmp_path, EXAMPLES)

else:

    @pytest.mark.parametrize("saved", sorted(each.stem for each in SAVED.glob("*.json")))
    def test_a_program_made_for_one_race_obeys_the_laws(saved: str, world: World, tmp_path: Path) -> None:
        obeys_the_laws(world, Program.from_json((SAVED / f"{saved}.json").read_text("utf-8")), tmp_path)

    @pytest.mark.parametrize("drawing", range(-(-EXAMPLES // EXAMPLES_OF_A_DRAWING)))
    def test_whatever_many_clients_do_at_once_the_laws_hold(drawing: int, world: World, tmp_path: Path) -> None:
        drawn_programs_obey_the_laws(world, drawing, tmp_path)
