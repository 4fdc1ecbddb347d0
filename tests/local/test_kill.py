"""Acknowledged messages survive SIGKILL of any process at any moment, exactly once and in their order.

`CHAT_LOCAL_KILLS` is the number of rounds on each target (2), `CHAT_LOCAL_KILLS_SEED` repeats a run. A round
starts an instance on the data of the rounds before, checks these, and kills it, or a process of a function, while
messages are sent. Messages without an answer are sent again after the restart.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.tokens import mint
from tests.bundle.build import built_stage, shared_directory
from tests.local.instance import Instance, Instances
from tests.local.kill_traffic import SENDERS, Connection, Round

ROUNDS = int(os.environ.get("CHAT_LOCAL_KILLS", "2"))
SEED = os.environ.get("CHAT_LOCAL_KILLS_SEED", "1")
SECRET = "only-the-kill-tests-sign-with-this-secret"
ENVIRONMENT = {
    "CHAT_JWT_SECRET": SECRET,
    "CHAT_LIMIT_MESSAGES_PER_SECOND": "1000",
    "CHAT_LIMIT_MESSAGE_BURST": "1000",
    "CHAT_LIMIT_FRAMES_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_BURST": "1000000",
    "CHAT_LIMIT_CONNECTIONS": "1000",
}
LONGEST = 0.6
"""Seconds from the first message to the kill, at most."""
MIN_ACKNOWLEDGED = 10
"""Messages of a round before which no process is killed."""


def descendants(pid: int) -> list[int]:
    """Return the process ids of all descendants of a process."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    children = [child for child, parent in pairs if parent == pid]
    return children + [descendant for child in children for descendant in descendants(child)]


def connect(instance: Instance, participant: str) -> Connection:
    return Connection(instance.ready["http_url"], mint(participant, participant.title(), secret=SECRET))


def started_round(instance: Instance) -> Round:
    """Return a round with a new conversation of all senders."""
    owner = connect(instance, SENDERS[0])
    body = {
        "title": "Killed",
        "participants": [{"participant_id": name, "name": name.title()} for name in SENDERS[1:]],
    }
    status, conversation = owner.call("POST", "/conversations", body)
    owner.close()
    assert status == 201, conversation
    return Round(conversation["conversation_id"])


def run_until_killed(current: Round, instance: Instance, chance: random.Random) -> None:
    """Send messages from all senders, and kill a random process at a random moment."""
    seconds = chance.uniform(0, LONGEST)
    stopping = threading.Event()
    connections = {name: connect(instance, name) for name in SENDERS}
    senders = [
        threading.Thread(target=current.send_until, args=(stopping, name, connection))
        for name, connection in connections.items()
    ]
    for sender in senders:
        sender.start()
    while sum(map(len, current.acknowledged.values())) < MIN_ACKNOWLEDGED:
        assert any(sender.is_alive() for sender in senders), "no sender is left"
        stopping.wait(0.01)
    stopping.wait(seconds)
    pid = instance.process.pid
    os.kill(chance.choice([pid, *descendants(pid)]), signal.SIGKILL)
    stopping.wait(seconds / 2)  # functions go on in other processes
    stopping.set()
    instance.process.kill()
    instance.process.communicate()
    for sender in senders:
        sender.join()
    for connection in connections.values():
        connection.close()


def finish(rounds: Sequence[Round], instance: Instance) -> None:
    """Send the messages without an answer again, and check all rounds."""
    connections = {name: connect(instance, name) for name in SENDERS}
    for finished in rounds:
        for sender in list(finished.pending):
            assert finished.post(sender, connections[sender]) in (200, 201)
        finished.check(connections[SENDERS[0]])
    for connection in connections.values():
        connection.close()


@pytest.mark.parametrize("target", ["development", "bundle"])
def test_acknowledged_messages_survive_sigkill_of_a_random_process(
    instances: Instances, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, target: str
) -> None:
    print(f"CHAT_LOCAL_KILLS_SEED={SEED}")  # noqa: T201  (shown if the test fails)
    chance = random.Random(f"{SEED} {target}")
    options = ["--data", str(tmp_path / "data")]
    if target == "bundle":
        built = built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle")
        options += ["--bundle", str(built), "--environments", "2"]
    rounds: list[Round] = []

    for _ in range(ROUNDS):
        instance = instances.start(*options, **ENVIRONMENT)
        finish(rounds[-1:], instance)
        current = started_round(instance)
        rounds.append(current)
        run_until_killed(current, instance, chance)

    finish(rounds, instances.start(*options, **ENVIRONMENT))
