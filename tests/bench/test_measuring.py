"""The parts that count and evaluate."""

import argparse
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.__main__ import main
from bench.chat_clients import ReceivedEvents
from bench.counting_proxy import Scanner
from bench.history_check import AckedMessage, Violations, find_violations
from bench.latencies import GrowingLatency
from bench.meter import Meter
from bench.stats import milliseconds, percentile, table
from bench.targets import Targets
from local.dynamodb.sizes import item_size
from local.faults import Call, ItemKey, Latency, RegionClient, TransactionWindows, VirtualClock
from local.faults.engine import MemoryEngine

TABLE = "toys"

# ---- statistics ----------------------------------------------------------------------------------------


def test_percentiles_are_observed_values() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]

    assert [percentile(hundred, share) for share in (0.01, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == 0
    assert milliseconds([0.001, 0.002, 0.010]) == "2 / 10 / 10"


def test_table_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("a", "bcd"), [("long", "x")]) == "| a    | bcd |\n|------|-----|\n| long | x   |"


def test_target_is_met_at_its_bound_and_missed_beyond() -> None:
    targets = Targets()
    targets.at_most("a ratio", 1.25, 1.25)
    targets.at_most("another", 1.2501, 1.25)
    targets.at_least("a rate", 100, 100)
    targets.at_least("another rate", 99, 100)

    assert [result.is_met for result in targets.results] == [True, False, True, False]
    output = targets.report()
    assert "2 of 4 targets are met." in output
    assert [line.rpartition("| ")[2].strip(" |") for line in output.splitlines()[2:6]] == ["met", "MISSED"] * 2
    assert "≥ 100" in output
    assert "≤ 1.25" in output
    assert [str(missed) for missed in targets.missed] == [
        "another: 1.2501, not ≤ 1.25",
        "another rate: 99, not ≥ 100",
    ]


def test_benchmark_without_its_program_is_listed_as_not_measured() -> None:
    targets = Targets()
    targets.at_most("a ratio", 1, 2)
    targets.leave_out("the web page")
    assert "1 of 1 targets are met." in targets.report()
    assert "NOT MEASURED" in targets.report()


@pytest.mark.parametrize(
    ("measured", "options", "status"), [(2.0, [], 0), (2.1, [], 1), (2.1, ["--quick"], 0), (2.1, ["other"], 0)]
)
def test_missed_target_is_an_error_unless_the_run_is_quick(
    capsys: pytest.CaptureFixture[str], measured: float, options: list[str], status: int
) -> None:
    def measure(_: argparse.Namespace, targets: Targets) -> bool:
        targets.at_most("milliseconds of a toy", measured, 2)
        return True

    benchmarks = {"toy": ("A toy", measure), "other": ("Another", lambda _, __: True)}
    assert main(options, benchmarks) == status
    assert ("MISSED milliseconds of a toy: 2.1, not ≤ 2" in capsys.readouterr().err) == bool(status)


def test_lost_message_is_an_error_even_if_every_target_is_met() -> None:
    assert main([], {"toy": ("A toy", lambda _, __: False)}) == 1


# ---- history checks ------------------------------------------------------------------------------------


def message(number: int, name: str) -> dict[str, Any]:
    return {"sequence_id": number, "client_message_id": name}


CREATED = {"sequence_id": 1}


def test_complete_log_has_no_violations() -> None:
    acked = [
        AckedMessage("a:0", 2, 1, acked_at=1),
        AckedMessage("b:0", 3, 1, acked_at=1.5),
        AckedMessage("a:1", 4, 1, acked_at=3),
    ]

    assert (
        find_violations(acked, [CREATED, message(2, "a:0"), message(3, "b:0"), message(4, "a:1")]) == Violations()
    )


@pytest.mark.parametrize(
    ("log", "faults"),
    [
        ([CREATED, message(2, "a:0")], Violations(lost=1)),
        ([CREATED, message(2, "a:0"), message(3, "b:0")], Violations(lost=1)),
        ([CREATED, message(2, "a:0"), message(3, "a:1"), message(4, "a:1")], Violations(duplicated=1)),
        ([CREATED, message(2, "a:0"), message(3, "a:1"), message(6, "b:0")], Violations(gaps=2)),
    ],
)
def test_lost_duplicated_and_missing_events_are_found(log: list[dict[str, Any]], faults: Violations) -> None:
    assert (
        find_violations([AckedMessage("a:0", 2, 1, acked_at=1), AckedMessage("a:1", 3, 1, acked_at=3)], log)
        == faults
    )


def test_message_before_an_earlier_acknowledged_one_is_reordered() -> None:
    log = [CREATED, message(2, "a:1"), message(3, "a:0")]
    one_after_the_other = [AckedMessage("a:0", 3, 1, acked_at=1), AckedMessage("a:1", 2, 1, acked_at=3)]
    at_the_same_time = [AckedMessage("a:0", 3, 1, acked_at=1), AckedMessage("a:1", 2, 1.5, acked_at=2)]

    assert find_violations(one_after_the_other, log).reordered == 1
    assert find_violations(at_the_same_time, log).reordered == 0
    assert find_violations(one_after_the_other, log).total == 1


# ---- received events -----------------------------------------------------------------------------------


def test_duplicate_out_of_order_and_changed_pushes_are_counted() -> None:
    received = ReceivedEvents()

    for number in (2, 4, 3, 3):
        received.record_push({"sequence_id": number, "content": "x"}, now=number)
    received.record_push({"sequence_id": 4, "content": "y"}, now=9)
    received.record_sync([{"sequence_id": 4, "content": "x"}, {"sequence_id": 5, "content": "x"}])

    assert (received.duplicates, received.out_of_order, received.contradictions, received.synced) == (2, 1, 1, 1)
    assert sorted(received.events) == [2, 3, 4, 5]
    assert received.pushed_at == {2: 2, 3: 3, 4: 4}


# ---- the meter -----------------------------------------------------------------------------------------


def metered() -> tuple[Meter, TransactionWindows]:
    engine, windows = MemoryEngine(TABLE), TransactionWindows()

    def size_of(key: ItemKey) -> int:
        item = engine.item(key)
        return 0 if item is None else item_size(item)

    return Meter(RegionClient(engine, windows=windows, clock=VirtualClock()), size_of), windows


def item(sk: str, size: int = 0, pk: str = "C#1") -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}, "text": {"S": "x" * size}}


def test_write_units_depend_on_size_and_double_in_transactions() -> None:
    meter, _ = metered()

    meter.put_item(TableName=TABLE, Item=item("a"))
    meter.put_item(TableName=TABLE, Item=item("b", 1_500))
    assert meter.tally.writes == {"C": 3}
    before = meter.tally.copy()
    meter.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": TABLE, "Item": item("c", 1_500)}},
            {"Put": {"TableName": TABLE, "Item": item("d", pk="K#2")}},
            {"Delete": {"TableName": TABLE, "Key": {"pk": {"S": "C#1"}, "sk": {"S": "b"}}}},
        ]
    )
    since = meter.tally.since(before)
    assert since.writes == {"C": 8, "K": 2}
    assert since.calls == {"transact_write_items": 1}


def test_query_is_charged_by_total_size_and_get_by_item() -> None:
    meter, _ = metered()
    for number in range(3):
        meter.put_item(TableName=TABLE, Item=item(f"a{number}", 3_000))

    condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "C#1"}}}
    meter.query(TableName=TABLE, ConsistentRead=True, **condition)
    assert meter.tally.reads == {"C": 3}
    meter.get_item(TableName=TABLE, ConsistentRead=True, Key={"pk": {"S": "X#1"}, "sk": {"S": "a"}})
    assert meter.tally.reads == {"C": 3, "X": 1}


def test_eventually_consistent_read_is_charged_half() -> None:
    meter, _ = metered()
    meter.put_item(TableName=TABLE, Item=item("a", 3_000))

    meter.get_item(TableName=TABLE, Key={"pk": {"S": "C#1"}, "sk": {"S": "a"}})
    assert meter.tally.reads == {"C": 0.5}


def test_conflicts_and_failed_conditions_are_counted_separately() -> None:
    meter, windows = metered()
    put = {"Put": {"TableName": TABLE, "Item": item("a"), "ConditionExpression": "attribute_not_exists(pk)"}}
    meter.transact_write_items(TransactItems=[put])
    with pytest.raises(ClientError):
        meter.transact_write_items(TransactItems=[put])
    running = windows.open(frozenset({ItemKey(TABLE, "C#1", "a")}))
    with pytest.raises(ClientError):
        meter.transact_write_items(TransactItems=[put])
    windows.close(running)

    assert (meter.tally.conditions, meter.tally.conflicts) == (1, 1)
    assert meter.tally.writes == {"C": 6}


# ---- latency and proxy ---------------------------------------------------------------------------------


def test_only_transaction_latency_grows_with_items() -> None:
    latency = GrowingLatency(per_item=0.001)
    puts = [{"Put": {"TableName": TABLE, "Item": item(str(number))}} for number in range(14)]

    assert latency.seconds(Call(1, "transact_write_items", {"TransactItems": puts[:4]}), 0) == pytest.approx(0.010)
    assert latency.seconds(Call(1, "transact_write_items", {"TransactItems": puts}), 0) == pytest.approx(0.020)
    assert latency.seconds(Call(1, "get_item", {}), 0) == Latency().call


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_proxy_counts_each_operation_once_for_any_chunking(size: int) -> None:
    def request(operation: str, body: bytes) -> bytes:
        lines = ("POST / HTTP/1.1", f"X-Amz-Target: DynamoDB_20120810.{operation}", f"Content-Length: {len(body)}")
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body

    stream = request("GetItem", b"{}") + request("PutItem", b"x" * 300) + request("GetItem", b"")
    counts: Counter[str] = Counter()
    scanner = Scanner(counts)

    for start in range(0, len(stream), size):
        scanner.feed(stream[start : start + size])

    assert counts == {"GetItem": 2, "PutItem": 1}
