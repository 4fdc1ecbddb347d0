"""`python -m bench.dynamodb_engine [--items N]`: the time of store calls on the local cloud's DynamoDB engine.

All calls use the product's table client. Each round measures every access path, after a calibration loop that
shows changes of the machine's speed; compare the ratios. Each result is the minimum of all rounds, because other
load on the machine can only increase it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.dynamodb.client import TARGET, DynamoClient
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import marshal_item
from chalicelib.awshttp import AwsJsonClient, ServiceError, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from local.dynamodb.client import EngineClient
from local.dynamodb.directory import Directory
from local.dynamodb.engine import Engine
from local.dynamodb.http_server import HttpServer
from local.dynamodb.item_codec import encode
from local.dynamodb.sqlite_storage import SqliteStorage
from local.ministack import start_store

from .stats import table as markdown

REGION = "us-east-1"
NAME = "bench"
KEYS = {"pk": "HASH", "sk": "RANGE"}
CREATE: dict[str, Any] = {
    "TableName": NAME,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
    "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in KEYS.items()],
}
EVENT = (
    '{"type":"message","content":"a message of ordinary length","sender":{"participant_id":"alice","name":"A"}}'
)
WARM = 200
Operation = Callable[[int], object]


def event(number: int) -> dict[str, Any]:
    """Return an item like those of a conversation's log."""
    return {"pk": "C#1", "sk": f"E#{number:012}", "event": EVENT, "message_count": number, "key": "k" * 40}


def operations(dynamo: Dynamo) -> Mapping[str, Operation]:
    """Return the measured calls by name; each takes the number of the call."""
    table = Table(dynamo, NAME)
    for number in range(WARM):
        table.put(event(number))

    def transact(number: int) -> None:
        dynamo.transact(
            [
                table.update_op("C#2", "HEAD", "SET #n = :n", "attribute_not_exists(#n) OR #n < :n", n=number),
                table.put_op({**event(number), "pk": "C#2"}, "attribute_not_exists(#pk)"),
                table.put_op({"pk": f"K#{number}", "sk": "K", "n": number}, "attribute_not_exists(#pk)"),
                table.update_op("C#2", "M#alice", "SET #read = :n", n=number),
            ]
        )

    return {
        "GetItem": lambda number: table.get("C#1", f"E#{number % WARM:012}"),
        "conditional PutItem": lambda number: table.put(event(WARM + number), "attribute_not_exists(#pk)"),
        "Query of 20": lambda number: newest(table),
        "transaction of 4": transact,
    }


def newest(table: Table) -> list[Any]:
    """Return the newest twenty."""
    return list(table.query("C#1", prefix="E#", descending=True, limit=20))


# ---- access paths --------------------------------------------------------------------------------------


def in_process(storage: SqliteStorage) -> Dynamo:
    """Return the product's client for an engine in this process."""
    client = EngineClient(Engine(storage), ServiceError)
    client.create_table(**CREATE)
    return Dynamo(client, SystemClock())


def over_http(url: str) -> Dynamo:
    """Return the product's client for an engine behind HTTP."""
    keys = StaticCredentials("bench", "bench", None)
    service = AwsJsonClient(url, "dynamodb", TARGET, REGION, lambda: keys, SystemClock(), TlsContext())
    service.call("CreateTable", CREATE)
    return Dynamo(DynamoClient(service), SystemClock())


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve an engine from a thread of this process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = HttpServer(Engine(SqliteStorage()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run_coroutine_threadsafe(server.start(listener), loop).result()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)


# ---- measuring -----------------------------------------------------------------------------------------


def microseconds(operation: Operation, calls: range) -> float:
    """Return the mean duration of these calls in microseconds."""
    started = time.perf_counter()
    for number in calls:
        operation(number)
    return (time.perf_counter() - started) / len(calls) * 1e6


def calibration() -> float:
    """Return the duration of a fixed calculation in milliseconds."""
    started = time.perf_counter()
    total = 0
    for number in range(200_000):
        total += number * number
    return (time.perf_counter() - started) * 1e3


def compare(calls: int, rounds: int) -> None:
    """Print the duration of each operation by access path, and its ratio to the file in this process."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(start_store(REGION))
        store.wait_until_ready()
        clients = {
            "file": in_process(stack.enter_context(Directory(folder / "normal")).storage),
            "file, FULL": in_process(stack.enter_context(Directory(folder / "full", synchronous="FULL")).storage),
            "memory": in_process(SqliteStorage()),
            "HTTP": over_http(stack.enter_context(served())),
            "MiniStack": over_http(store.url),
        }
        measured = {path: operations(dynamo) for path, dynamo in clients.items()}
        durations: dict[tuple[str, str], list[float]] = {}
        calibrations = []
        for turn in range(rounds):
            calibrations.append(calibration())
            for path, by_name in measured.items():
                for name, operation in by_name.items():
                    numbers = range(turn * calls, (turn + 1) * calls)
                    durations.setdefault((path, name), []).append(microseconds(operation, numbers))
    rows = []
    for name in next(iter(measured.values())):
        least = {path: min(durations[path, name]) for path in clients}
        rows.append([name, *(f"{least[path]:.0f} ({least[path] / least['file']:.1f} ×)" for path in clients)])
    print(markdown(["µs per call", *clients], rows))
    print(f"\nThe calibration loop took {min(calibrations):.1f} to {max(calibrations):.1f} ms.")


def grow(max_items: int, calls: int) -> None:
    """Print the duration of reads and writes in a partition of up to `max_items` items."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, Directory(Path(folder)) as directory:
        dynamo = in_process(directory.storage)
        measured = operations(dynamo)
        written = WARM
        for total in [size for size in (1_000, 100_000, 1_000_000) if size <= max_items]:
            keyed = (
                (item["pk"], item["sk"], encode(marshal_item(item)), None)
                for item in map(event, range(written, total))
            )
            directory.storage.execute_many("INSERT OR REPLACE INTO items_1 VALUES (?, ?, ?, ?)", keyed)
            written = total
            rounds = [range(total + turn * calls, total + (turn + 1) * calls) for turn in range(5)]
            least = [
                min(microseconds(operation, numbers) for numbers in rounds) for operation in measured.values()
            ]
            rows.append([f"{total:,}", *(f"{duration:.0f}" for duration in least)])
    print(markdown(["items", *(f"{name}, µs" for name in measured)], rows))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=1_000_000)
    options = parser.parse_args()
    compare(options.calls, options.rounds)
    print()
    grow(options.items, options.calls)


if __name__ == "__main__":
    main()
