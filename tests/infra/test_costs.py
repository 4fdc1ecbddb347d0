"""The arithmetic of the cost model, by hand; that it counts what the template and the code have; its document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.limits import Timing
from chalicelib.core.measures import Measure
from infra.costs import model, operations, report
from infra.costs.__main__ import main
from infra.costs.facts import read_facts
from infra.costs.model import GB, Facts
from infra.costs.operations import Operation
from infra.costs.prices import Price, read_prices
from infra.costs.profile import Profile, Technical, Usage, read_profile
from infra.errors import InfraError
from infra.stage import CONFIG
from tests.infra.checkouts import ROOT

DOCUMENT = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
PRICES = read_prices().prices
USUAL = read_profile()
FACTS = Facts(
    memory={
        **dict.fromkeys(("api_handler", "websocket_message"), 1024),
        **dict.fromkeys(("auth", "websocket_connect", "websocket_disconnect"), 512),
        "sweep": 256,
    },
    alarms=25,
    dashboards=1,
    dashboard_metrics=44,
    tables=2,
    log_retention_days=90,
)
NOTHING = dict.fromkeys(Usage.model_fields, 0.0) | {
    "days": 30,
    "participants": 5,
    "listeners": 3,
    "ping_interval": 240,
    "content_bytes": 200,
    "months_kept": 12,
}


def usage(**values: float) -> Usage:
    """Somebody who does nothing but this."""
    return Usage.model_validate(NOTHING | values)


def profile(technical: Mapping[str, float] | None = None, **values: float) -> Profile:
    return Profile(usage=usage(**values), technical=calls(**(technical or {})))


def calls(**values: float) -> Technical:
    return USUAL.technical.model_copy(update=values)


def price(*tiers: tuple[float | None, float], per: float = 1, always_free: float = 0) -> Price:
    return Price(
        unit="", per=per, tiers=list(tiers), always_free=always_free, source="", as_of="", basis="price page"
    )


def of(name: str, people: Usage) -> Operation:
    (found,) = (each for each, _ in operations.of_a_user(people) if each.name == name)
    return found


# ---- prices ----------------------------------------------------------------------------------------------


def test_a_price_is_for_so_many_units() -> None:
    assert price((None, 0.625), per=1e6).cost(9) == pytest.approx(0.000005625)


def test_each_tier_is_paid_at_its_own_price() -> None:
    tiered = price((10, 3), (30, 2), (None, 1))
    assert tiered.cost(10) == 30
    assert tiered.cost(25) == 10 * 3 + 15 * 2
    assert tiered.cost(100) == 10 * 3 + 20 * 2 + 70 * 1


def test_what_is_always_free_comes_off_before_the_tiers_and_never_below_nothing() -> None:
    tiered = price((10, 3), (None, 2), always_free=5)
    assert tiered.cost(17, free=True) == 10 * 3 + 2 * 2
    assert tiered.cost(17) == 10 * 3 + 7 * 2
    assert tiered.cost(4, free=True) == 0


@pytest.mark.parametrize("name", PRICES)
def test_every_price_says_where_and_when_it_was_read_or_that_it_was_not(name: str) -> None:
    each = PRICES[name]
    assert each.source.startswith("https://")
    assert each.as_of
    assert ("unverified" in each.evidence) == (each.basis == "memory" or "unverified" in each.note)
    bounds = [up_to for up_to, _ in each.tiers]
    assert bounds[-1] is None
    assert None not in bounds[:-1]
    assert bounds[:-1] == sorted(each for each in bounds if each is not None)


def test_free_tiers_that_end_are_none() -> None:
    """API Gateway and S3 were free for twelve months, for accounts from before 2025-07-15."""
    for name in ("websocket_message", "websocket_minute", "rest_request", "s3_storage"):
        assert PRICES[name].always_free == 0


def test_every_price_is_in_a_group_and_has_a_row() -> None:
    assert sorted(name for names in model.GROUPS.values() for name in names) == sorted(PRICES)
    assert sorted(report.LABELS) == sorted(PRICES)


# ---- what people do --------------------------------------------------------------------------------------


def test_frames_are_counted_in_steps_of_32_kb() -> None:
    assert [operations.metered(size) for size in (1, 32_768, 32_769, 33 * 1024, 128 * 1024)] == [1, 1, 2, 2, 4]


def test_a_message_takes_the_nine_write_units_and_three_reads_and_a_query_of_the_architecture() -> None:
    alone = operations.message(usage())
    assert (alone.writes, alone.reads) == (9, 4)
    assert operations.message(usage(listeners=25)).reads == 3 + 3
    assert operations.message(usage(), http=True).reads == 2 + 1


def test_a_long_message_takes_two_more_write_units_for_each_kb() -> None:
    assert operations.message_units(usage(content_bytes=1024 - 450)) == 9
    assert operations.message_units(usage(content_bytes=1024 - 450 + 1)) == 11
    assert operations.message_units(usage(content_bytes=2048)) == 13


def test_a_message_is_one_frame_in_an_ack_and_a_push_to_each_listener() -> None:
    one = operations.message(usage(listeners=4))
    assert (one.frames_in, one.frames_out, one.http) == (1, 5, 0)
    by_http = operations.message(usage(listeners=4), http=True)
    assert (by_http.frames_in, by_http.frames_out, by_http.http) == (0, 4, 1)


def test_who_types_or_reads_is_told_to_the_others_only() -> None:
    typing, read = of("typing", usage(listeners=4)), of("read pointer", usage(listeners=4))
    assert (typing.frames_in, typing.frames_out, typing.writes, typing.reads) == (1, 3, 1, 4)
    assert (read.frames_in, read.frames_out, read.writes, read.reads) == (1, 4, 1, 5)


def test_a_ping_reads_head_and_membership_of_each_conversation() -> None:
    ping = operations.ping(usage(heads=5))
    assert (ping.frames_in, ping.frames_out, ping.writes, ping.reads) == (1, 1, 1, 11)


def test_pings_follow_from_the_hours_and_the_interval() -> None:
    done = dict(operations.of_a_user(usage(socket_hours=2, ping_interval=240)))
    assert sum(times for each, times in done.items() if each.name == "ping") == 2 * 3600 / 240


def test_the_interval_is_that_of_the_application() -> None:
    assert USUAL.usage.ping_interval == Timing().ping_interval


def test_a_socket_that_comes_and_goes() -> None:
    people = usage(subscriptions=5, others_online=1, caught_up=50)
    hello, gone = of("hello and subscriptions", people), of("disconnect", people)
    assert (of("connect", people).writes, hello.writes, gone.writes) == (1, 4 + 8 * 5, 2 + 2 * 5)
    # Five times, with 50 events: 4 single reads, 4 queries, 2 sockets, 8 of the log; and the socket once.
    assert hello.reads == 1 + 5 * (4 + 4 + 2 + 8)
    assert hello.frames_out == 1 + 5 * (1 + 1)
    assert gone.frames_out == 5


def test_reading_by_http() -> None:
    people = usage(content_bytes=50, conversations=80)
    # 50 messages of 500 bytes are 25,000 bytes: seven units.
    assert of("page of history", people).reads == 10
    assert of("list of conversations", people).reads == 7 + 80 + 3 * 50
    assert of("one conversation", people).reads == 5 + 1 + 1 + 3 + 7


def test_conversations_and_tickets() -> None:
    assert of("conversation made", usage(participants=5)).writes == 6 + 4 * 5
    assert of("ticket", usage()).writes == 2


def test_the_authorizer_is_asked_for_its_share_of_the_requests() -> None:
    people = usage(messages=10, messages_over_http=0.2, lists=2, opens=1, history_pages=1, authorizer_misses=0.25)
    asked = [times for each, times in operations.of_a_user(people) if each.name == "authorizer"]
    assert asked == [(2 + 2 + 1 + 1) * 0.25]


# ---- quantities ------------------------------------------------------------------------------------------


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
    assert USUAL.technical.custom_metrics == len(Measure)
    assert model.month(1, USUAL, FACTS)["custom_metric"] == len(Measure)
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
        *("lambda_gb_second", "lambda_request", "dynamodb_read"),
    }
    full = model.bill(quantities, PRICES, free=False, facts=FACTS)
    assert full["alarm"] == pytest.approx(2.5)
    assert full["dashboard"] == 3
    assert full["custom_metric"] == pytest.approx(0.3)
    assert sum(full.values()) == pytest.approx(5.81, abs=0.005)
    assert sum(model.bill(quantities, PRICES, free=True, facts=FACTS).values()) == pytest.approx(1.50, abs=0.005)


def test_a_dashboard_of_more_than_fifty_metrics_is_not_free() -> None:
    crowded = Facts(FACTS.memory, 25, 1, 51, 2, 90)
    assert model.bill({"dashboard": 1}, PRICES, free=True, facts=FACTS)["dashboard"] == 0
    assert model.bill({"dashboard": 1}, PRICES, free=True, facts=crowded)["dashboard"] == 3


# ---- what the stage says ---------------------------------------------------------------------------------


def test_alarms_dashboards_and_tables_are_those_of_the_template(prod: dict[str, Any]) -> None:
    kinds = [each["Type"] for each in prod["Resources"].values()]
    facts = read_facts(ROOT, "prod")
    assert facts.alarms == kinds.count("AWS::CloudWatch::Alarm") > 0
    assert facts.dashboards == kinds.count("AWS::CloudWatch::Dashboard") > 0
    assert facts.tables == kinds.count("AWS::DynamoDB::Table") > 0
    assert facts.log_retention_days == 90
    widgets = json.loads(prod["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    assert facts.dashboard_metrics == sum(len(each["properties"]["metrics"]) for each in widgets)


def test_the_memory_is_that_of_the_template(prod: dict[str, Any]) -> None:
    functions = [each for each in prod["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
    given = sorted(each["Properties"]["MemorySize"] for each in functions)
    memory = read_facts(ROOT, "prod").memory
    assert sorted(memory.values()) == given
    used = {each.function for each, _ in operations.of_a_user(USUAL.usage)} | {operations.SWEEP.function}
    # Erasures and long removals are too rare to show.
    assert used == set(memory) - {"work"}


def test_a_stage_may_have_memory_of_its_own(tmp_path: Path) -> None:
    config = json.loads((ROOT / CONFIG).read_text())
    config["stages"]["prod"]["lambda_functions"]["sweep"]["lambda_memory_size"] = 512
    (tmp_path / CONFIG).parent.mkdir()
    (tmp_path / CONFIG).write_text(json.dumps(config))
    usual = read_facts(ROOT, "prod").memory
    assert usual["sweep"] != 512
    assert read_facts(tmp_path, "prod").memory == {**usual, "sweep": 512}


# ---- the profile, the command, the document --------------------------------------------------------------


def test_a_file_replaces_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "quiet.json"
    path.write_text('{"usage": {"messages": 2}, "technical": {"init_ms": 100}}')
    changed = read_profile(path)
    assert (changed.usage.messages, changed.technical.init_ms) == (2, 100)
    assert changed.usage.model_copy(update={"messages": USUAL.usage.messages}) == USUAL.usage


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"usage": {"mesages": 2}}', "usage.mesages"),
        ('{"usage": {"messages": -1}}', "usage.messages"),
        ('{"usage": 3}', "usage"),
        ("[]", "must hold an object"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_profile_is_explained(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(InfraError) as refused:
        read_profile(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_the_command_ends_with_an_error_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--profile", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("users", ["-1", "many"])
def test_the_command_refuses_what_is_no_number_of_users(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--users={users}"])
    assert "must be a whole number from 0 on" in capsys.readouterr().err


def test_the_command_prints_the_numbers_of_users_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--users", "5000"]) == 0
    printed = capsys.readouterr().out
    assert "5,000 users" in printed
    assert "1,000 users" not in printed
    assert "|" not in printed


def test_the_document_holds_what_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--markdown"]) == 0
    _, _, rest = DOCUMENT.partition("<!-- printed by `python -m infra.costs --markdown` -->\n")
    stands, _, _ = rest.partition("<!-- end -->")
    assert stands.strip() == capsys.readouterr().out.strip(), "put what it prints into docs/costs.md"
