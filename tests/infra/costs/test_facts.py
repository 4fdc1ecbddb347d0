"""The model counts what the template has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.costs import operations
from infra.costs.facts import read_facts
from infra.stage import CONFIG
from tests.infra.checkouts import ROOT
from tests.infra.costs.people import USUAL


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
    assert used == set(memory)


def test_a_stage_may_have_memory_of_its_own(tmp_path: Path) -> None:
    config = json.loads((ROOT / CONFIG).read_text())
    config["stages"]["prod"]["lambda_functions"]["sweep"]["lambda_memory_size"] = 512
    (tmp_path / CONFIG).parent.mkdir()
    (tmp_path / CONFIG).write_text(json.dumps(config))
    usual = read_facts(ROOT, "prod").memory
    assert usual["sweep"] != 512
    assert read_facts(tmp_path, "prod").memory == {**usual, "sweep": 512}
