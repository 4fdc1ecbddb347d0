"""What a month comes to, by hand: time, lines of logs, storage, and the bill."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.metrics import Metric
from infra.costs import model
from infra.costs.model import GB, Facts
from infra.costs.operations import Operation
from tests.infra.costs.people import FACTS, PRICES, USUAL, calls, profile


def test_a_function_is_billed_for_waiting_for_its_share_of_a_processor_and_for_starting() -> None:
    slow = Operation("", "sweep", posts=2, calls=4, rounds=3, transactions=1)
    takes = calls(
        call_ms=4, transaction_ms=10, post_ms=15, cpu_ms_per_call=2, cpu_ms_per_post=1, cold_share=0.1, init_ms=500
    )
    waiting, work, starting = 3 * 4 + 10 + 15, 4 * 2 + 2 * 1, 50
    assert model.duration(slow, takes, 1769) == waiting + work + starting
    assert model.duration(slow, takes, 1024) == pytest.approx(waiting + work * 1769 / 1024 + starting)
    assert model.duration(slow, takes, 3538) == waiting + work + starting


def test_gb_seconds_are_memory_times_duration() -> None:
    takes = {"cpu_ms_per_call": 0, "cold_share": 0, "call_ms": 40}
    connect = Operation("", "websocket_connect", calls=1, rounds=1)
    assert model.once(connect, profile(takes), FACTS.memory)["lambda_gb_second"] == pytest.approx(0.5 * 0.040)


def test_preflights_are_requests_and_lines_but_no_invocations() -> None:
    takes = {"platform_log_bytes": 100, "http_log_bytes": 1}
    asked = model.once(Operation("", "api_handler", http=1), profile(takes, preflights=2), FACTS.memory)
    assert (asked["rest_request"], asked["lambda_request"]) == (3, 1)
    assert asked["logs_ingested"] * GB == pytest.approx(103)


def test_what_is_logged_of_a_frame() -> None:
    takes = {"platform_log_bytes": 1000, "metrics_line_bytes": 100, "metric_bytes": 10, "socket_log_bytes": 1}

    def logged(metrics: int) -> float:
        frame = Operation("", "websocket_message", socket_log_lines=1, metrics=metrics)
        return model.once(frame, profile(takes), FACTS.memory)["logs_ingested"] * GB

    assert logged(0) == pytest.approx(1001)
    assert logged(4) == pytest.approx(1141)


def test_our_metrics_are_paid_when_they_are_sent() -> None:
    assert USUAL.technical.custom_metrics == len(Metric)
    assert model.month(1, USUAL, FACTS)["custom_metric"] == len(Metric)
    assert model.month(0, USUAL, FACTS)["custom_metric"] == 1


def test_a_month_of_messages() -> None:
    quantities = model.month(1_000, profile(messages=20), FACTS)
    assert quantities["websocket_message"] == 1_000 * 20 * 30 * (1 + 1 + 3)
    assert quantities["dynamodb_write"] == 1_000 * 20 * 30 * 9
    assert quantities["dynamodb_read"] == 1_000 * 20 * 30 * 4 + 730
    assert quantities["lambda_request"] == 1_000 * 20 * 30 + 730
    # An event of 650 bytes, a record of 200, 100 bytes for each of the two; twelve months of them.
    assert quantities["dynamodb_storage"] * GB == pytest.approx(1_000 * 20 * 30 * 12 * 1_050)
    assert quantities["dynamodb_backup"] == quantities["dynamodb_storage"]
    assert quantities["transfer_out"] * GB == pytest.approx(600_000 * (3 * (550 + 30) + 250 + 30))


def test_open_sockets_are_counted_in_minutes() -> None:
    assert model.month(1_000, profile(socket_hours=1.5), FACTS)["websocket_minute"] == 1_000 * 30 * 90


def test_kept_logs_are_compressed_and_as_old_as_the_retention() -> None:
    quantities = model.month(10, profile({"log_compression": 0.2}, messages=20), FACTS)
    assert quantities["logs_stored"] == pytest.approx(quantities["logs_ingested"] * 3 * 0.2)


def test_the_tables_keys_are_asked_for_each_five_minutes_at_most() -> None:
    assert model.key_requests({"sweep": 730, "websocket_message": 1e9, "auth": 1e9}, 2) == 2 * (730 + 8_760)


def test_a_stage_that_nobody_uses_costs_its_alarms_its_dashboard_a_metric_and_a_cent() -> None:
    quantities = model.month(0, USUAL, FACTS)
    paid = {name: quantity for name, quantity in quantities.items() if quantity}
    assert paid.keys() == {
        *("alarm", "dashboard", "custom_metric", "s3_storage", "kms_request", "logs_ingested", "logs_stored"),
        *("lambda_gb_second", "lambda_request", "dynamodb_read", "sqs_request"),
    }
    full = model.bill(quantities, PRICES, free=False, facts=FACTS)
    assert full["alarm"] == pytest.approx(2.5)
    assert full["dashboard"] == 3
    assert full["custom_metric"] == pytest.approx(0.3)
    assert sum(full.values()) == pytest.approx(6.07, abs=0.005)
    assert sum(model.bill(quantities, PRICES, free=True, facts=FACTS).values()) == pytest.approx(1.50, abs=0.005)


def test_a_dashboard_of_more_than_fifty_metrics_is_not_free() -> None:
    crowded = Facts(FACTS.memory, 25, 1, 51, 2, 90)
    assert model.bill({"dashboard": 1}, PRICES, free=True, facts=FACTS)["dashboard"] == 0
    assert model.bill({"dashboard": 1}, PRICES, free=True, facts=crowded)["dashboard"] == 3
