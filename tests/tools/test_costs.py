"""The estimate of monthly costs: its arithmetic, its data, and the table of docs/costs.md."""

from __future__ import annotations

import json

import pytest

from chalicelib.core.kernel.limits import Timing
from chalicelib.core.kernel.metrics import Metric
from infra.stage import CONFIG, read_stage
from infra.template import alarms, queue
from tests.infra.checkouts import ROOT
from tools.costs.__main__ import main
from tools.costs.model import GB, Operation, Price, Usage, monthly_quantities, read_prices, read_usage

PRICES = read_prices().prices
USAGE = read_usage()


def price(*tiers: tuple[float | None, float], per: float = 1, always_free: float = 0) -> Price:
    return Price(
        label="",
        unit="",
        per=per,
        tiers=list(tiers),
        always_free=always_free,
        source="",
        as_of="",
        basis="price page",
    )


def test_each_tier_has_its_own_price() -> None:
    tiered = price((10, 3), (30, 2), (None, 1))
    assert tiered.cost(10) == 30
    assert tiered.cost(25) == 10 * 3 + 15 * 2
    assert tiered.cost(100) == 10 * 3 + 20 * 2 + 70 * 1
    assert price((None, 0.625), per=1e6).cost(8e6) == 5


def test_always_free_units_are_deducted_before_the_tiers() -> None:
    tiered = price((10, 3), (None, 2), always_free=5)
    assert tiered.cost(17) == 10 * 3 + 7 * 2
    assert tiered.cost(17, deduct_free=True) == 10 * 3 + 2 * 2
    assert tiered.cost(4, deduct_free=True) == 0


def test_monthly_quantities_are_those_of_users_hours_and_stage() -> None:
    message = Operation(
        name="message",
        derivation="",
        function="api_handler",
        memory_mb=512,
        per_user_and_day=2,
        milliseconds=100,
        frames=5,
        write_units=9,
        stored_bytes=GB,
        log_bytes=GB,
    )
    sweep = Operation(
        name="sweep", derivation="", function="sweep", memory_mb=1024, per_hour=1, milliseconds=1000, read_units=1
    )
    usage = Usage(
        days_per_month=30,
        connection_hours_per_day=2,
        months_stored=12,
        log_months_stored=3,
        log_compression=0.5,
        operations=[message, sweep],
        per_stage={"alarm": (4, 4), "custom_metric": (1, 15)},
    )
    used, unused = monthly_quantities(10, usage), monthly_quantities(0, usage)
    assert used["websocket_message"] == 10 * 30 * 2 * 5
    assert used["dynamodb_write"] == 10 * 30 * 2 * 9
    assert used["dynamodb_read"] == unused["dynamodb_read"] == 730
    assert used["lambda_gb_second"] == pytest.approx(600 * 0.5 * 0.1 + 730)
    assert used["dynamodb_storage"] == used["dynamodb_backup"] == 600 * 12
    assert used["logs_stored"] == 600 * 3 * 0.5
    assert used["websocket_minute"] == 10 * 30 * 2 * 60
    assert (used["alarm"], used["custom_metric"]) == (4, 15)
    assert (unused["alarm"], unused["custom_metric"]) == (4, 1)


@pytest.mark.parametrize("name", PRICES)
def test_price_has_a_source_and_a_date_or_is_marked_as_unverified(name: str) -> None:
    item = PRICES[name]
    assert item.source.startswith("https://")
    assert item.as_of
    assert ("unverified" in item.verification) == (item.basis == "memory" or "unverified" in item.note)
    assert (item.source in item.verification) == (item.basis != "memory")


def test_every_quantity_has_a_price() -> None:
    assert set(monthly_quantities(1, USAGE)) == set(PRICES)


def test_quantities_of_the_stage_are_those_of_the_template() -> None:
    stage = read_stage(ROOT, "prod")
    resources = [*alarms.fragment(stage)["Resources"].values(), *queue.fragment(stage)["Resources"].values()]
    number = sum(resource.get("Type") == "AWS::CloudWatch::Alarm" for resource in resources)
    assert USAGE.per_stage["alarm"] == (number, number)
    always = set(Metric) - {Metric.HOOK_FAILURES, Metric.PUBLISHING_LAG}
    assert list(USAGE.per_stage["custom_metric"]) == [1, len(always)]
    assert stage.infra.log_retention_days == 30 * USAGE.log_months_stored


def test_memory_and_ping_interval_are_those_of_the_configuration() -> None:
    config = json.loads((ROOT / CONFIG).read_text())
    for operation in USAGE.operations:
        assert operation.memory_mb == config["lambda_functions"][operation.function]["lambda_memory_size"]
    (ping,) = (operation for operation in USAGE.operations if operation.name == "ping")
    assert ping.per_user_and_day == USAGE.connection_hours_per_day * 3600 / Timing().ping_interval


def test_document_contains_the_printed_table(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    _, _, rest = (
        (ROOT / "docs" / "costs.md").read_text().partition("<!-- printed by `python -m tools.costs` -->\n")
    )
    table, _, _ = rest.partition("<!-- end -->")
    assert table == capsys.readouterr().out, "copy the output of python -m tools.costs into docs/costs.md"


def test_command_prints_the_requested_number_of_users(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--users", "5000"])
    printed = capsys.readouterr().out
    assert "| 5,000 users |" in printed
    assert "1,000 users" not in printed.replace("5,000", "")


@pytest.mark.parametrize("users", ["-1", "many"])
def test_invalid_number_of_users_is_rejected(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--users={users}"])
    assert "must be a whole number, 0 or more" in capsys.readouterr().err
