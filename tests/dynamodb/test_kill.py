"""Every acknowledged write survives SIGKILL of the process that made it, exactly once.

`CHAT_DYNAMODB_KILLS` is the number of kills (5).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.dynamodb.directory import Directory
from local.dynamodb.engine import Engine
from tests.dynamodb.targets import in_process

KILLS = int(os.environ.get("CHAT_DYNAMODB_KILLS", "5"))
WRITER = Path(__file__).with_name("kill_writer.py")


def test_acknowledged_writes_survive_sigkill(tmp_path: Path) -> None:
    chance = random.Random(1)
    acknowledged = 0
    for _ in range(KILLS):
        acknowledged = max(acknowledged, killed_after(tmp_path, chance.uniform(0.0, 0.05)))
        with Directory(tmp_path) as directory:
            call = in_process(Engine(directory.storage))
            counter = call("GetItem", {"TableName": "toys", "Key": {"pk": {"S": "p"}, "sk": {"S": "HEAD"}}})
            head = int(counter["Item"]["n"]["N"])
            assert acknowledged <= head <= acknowledged + 1
            assert entries(call) == list(range(1, head + 1))
            acknowledged = head
    assert acknowledged > 0


def killed_after(path: Path, seconds: float) -> int:
    """Kill a writing process that long after its first write; the last number that it acknowledged."""
    with subprocess.Popen([sys.executable, WRITER, path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        timer = threading.Timer(seconds, child.kill)
        timer.start()
        lines += child.stdout
        timer.join()
    whole = [line for line in lines if line.endswith(b"\n")]
    return int(whole[-1])


def entries(call: object) -> list[int]:
    """Return the numbers of all entries, in their order."""
    assert callable(call)
    numbers: list[int] = []
    start: dict[str, object] = {}
    while True:
        page = call(
            "Query",
            {
                "TableName": "toys",
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :e)",
                "ExpressionAttributeValues": {":pk": {"S": "p"}, ":e": {"S": "E#"}},
                **start,
            },
        )
        numbers += [int(item["n"]["N"]) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return numbers
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_writer_stops_by_itself_when_its_directory_is_in_use(tmp_path: Path) -> None:
    with Directory(tmp_path):
        found = subprocess.run([sys.executable, WRITER, tmp_path], capture_output=True, check=False)

    assert found.returncode == 1
    assert b"in use by another instance" in found.stderr
