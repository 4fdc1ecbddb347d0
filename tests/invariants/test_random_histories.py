"""The laws, seen from outside: random programs of many concurrent clients, and a check of their histories.

Hypothesis draws programs (`history/generators.py`): participants with several sockets, conversations, rounds of
concurrent steps, and faults of the gateway. A program runs over real sockets against the real app in its own
process. All requests, replies and pushes are recorded in real-time order, and a pure checker (`history/checker`,
with its own tests) looks for lost, duplicate, reordered, invented or leaked events, and for all other violations
of the protocol.

Some programs end with the erasure of one participant while the others send: after it no trace may be shown to
any reader, and everything else must be unchanged.

A day of retention is so short that contents expire while a program runs. Owners change the retention period, and
sweeps run concurrently. Some programs end with a pause and a sweep: expired contents must be removed, others must
not, every event stays, and no removed content is seen again.

Each program in `history/saved` targets one race; some of them once revealed a defect.

The drawing of programs is reproducible, the interleaving of threads is not: a failure is real, and yet the same
program may pass the next time. A failing program and its history are saved, and the message names the directory.

| variable             | meaning                                                                              |
|----------------------|--------------------------------------------------------------------------------------|
| `CHAT_LAWS_EXAMPLES` | the number of programs (6); a night is enough for 10000                             |
| `CHAT_LAWS_SEED`     | the seed (0)                                                                         |
| `CHAT_LAWS_REPLAY`   | a saved program to run as many times, instead of random ones                         |
| `CHAT_LAWS_SHRINK`   | attempts with each smaller program, to find a small failing one (0: do not shrink)   |
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.invariants.history.checker import check
from tests.invariants.history.generators import Program, programs
from tests.invariants.history.runner import run
from tests.invariants.history.server import HistoryServer

EXAMPLES = int(os.environ.get("CHAT_LAWS_EXAMPLES", "6"))
SEED = int(os.environ.get("CHAT_LAWS_SEED", "0"))
REPLAY = os.environ.get("CHAT_LAWS_REPLAY", "")
SHRINK = int(os.environ.get("CHAT_LAWS_SHRINK", "0"))
# Beyond ten examples of a drawing hypothesis mutates old ones; different programs are worth more.
EXAMPLES_OF_A_DRAWING = 3
SAVED = Path(__file__).with_name("history") / "saved"

pytestmark = pytest.mark.laws


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryServer]:
    with HistoryServer(tmp_path_factory.mktemp("world") / "server.log") as world:
        yield world


def obeys_the_laws(world: HistoryServer, program: Program, directory: Path, times: int = 1) -> None:
    """Run a program several times, and save it with its history if a law is violated."""
    for _ in range(times):
        history = run(world, program)
        if violations := check(history):
            (directory / "program.json").write_text(program.to_json(), "utf-8")
            (directory / "history.json").write_text(json.dumps(history.to_json(), indent=1), "utf-8")
            found = "\n".join(f"  {violation}" for violation in violations[:20])
            raise AssertionError(f"{len(violations)} violations; program and history are in {directory}:\n{found}")


def drawn_programs_obey_the_laws(world: HistoryServer, drawing: int, directory: Path) -> None:
    """Run the programs of one drawing."""

    @seed(SEED + drawing)
    @settings(
        max_examples=min(EXAMPLES - drawing * EXAMPLES_OF_A_DRAWING, EXAMPLES_OF_A_DRAWING),
        phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=False,
    )
    @given(programs())
    def hold(program: Program) -> None:
        obeys_the_laws(world, program, directory, max(SHRINK, 1))

    hold()


if REPLAY:

    def test_replayed_program_obeys_the_laws(world: HistoryServer, tmp_path: Path) -> None:
        obeys_the_laws(world, Program.from_json(Path(REPLAY).read_text("utf-8")), tmp_path, EXAMPLES)

else:

    @pytest.mark.parametrize("saved", sorted(path.stem for path in SAVED.glob("*.json")))
    def test_saved_program_obeys_the_laws(saved: str, world: HistoryServer, tmp_path: Path) -> None:
        obeys_the_laws(world, Program.from_json((SAVED / f"{saved}.json").read_text("utf-8")), tmp_path)

    @pytest.mark.parametrize("drawing", range(-(-EXAMPLES // EXAMPLES_OF_A_DRAWING)))
    def test_random_programs_obey_the_laws(drawing: int, world: HistoryServer, tmp_path: Path) -> None:
        drawn_programs_obey_the_laws(world, drawing, tmp_path)
