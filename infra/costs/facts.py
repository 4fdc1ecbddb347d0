"""What a stage's configuration and template say of its costs."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stage import CONFIG, read_stage
from infra.template import alarms, dashboard, queue, tables
from infra.template.names import Json

from .model import Facts

DEFAULT_MEMORY = 128
"""MB of a function that says nothing (Lambda API, CreateFunction)."""


def read_facts(root: Path, name: str) -> Facts:
    """Those of a stage of the project at `root`. Raises InfraError."""
    stage = read_stage(root, name)
    boards = _of_type(dashboard.fragment(stage), "AWS::CloudWatch::Dashboard")
    return Facts(
        memory=_memory(json.loads((root / CONFIG).read_text(encoding="utf-8")), name),
        alarms=sum(len(_of_type(each.fragment(stage), "AWS::CloudWatch::Alarm")) for each in (alarms, queue)),
        dashboards=len(boards),
        dashboard_metrics=sum(map(_metrics, boards)),
        tables=len(_of_type(tables.fragment(stage), "AWS::DynamoDB::Table")),
        log_retention_days=stage.infra.log_retention_days,
    )


def _memory(config: Json, name: str) -> dict[str, int]:
    """By function: the stage's own, else what stands at the top for all stages."""
    memory = {}
    for function, settings in config["lambda_functions"].items():
        own = config["stages"][name].get("lambda_functions", {}).get(function, {})
        memory[function] = own.get("lambda_memory_size", settings.get("lambda_memory_size", DEFAULT_MEMORY))
    return memory


def _metrics(board: Json) -> int:
    body = json.loads(board["DashboardBody"]["Fn::Sub"])
    return sum(len(each["properties"]["metrics"]) for each in body["widgets"] if each["type"] == "metric")


def _of_type(fragment: Json, wanted: str) -> list[Json]:
    return [each.get("Properties", {}) for each in fragment["Resources"].values() if each["Type"] == wanted]
