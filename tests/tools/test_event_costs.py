"""The costs of events: the documented tables, and the configuration that they are computed from."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from infra.events import EventSettings
from infra.stage import CONFIG, read_stage
from infra.template import events as template
from tests.infra.checkouts import ROOT
from tools.costs.events import delivery_table, monthly, monthly_table, read_event_usage, without_events
from tools.costs.model import read_usage

EVENTS = read_event_usage()


@pytest.mark.parametrize(("document", "table"), [("webhooks", delivery_table()), ("costs", monthly_table())])
def test_documented_table_is_that_of_the_model(document: str, table: str) -> None:
    documented = (ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8")
    assert table in documented, "replace the table by that of python -m tools.costs.events"


def test_quantities_of_a_stage_with_events_are_those_of_the_template() -> None:
    stage = read_stage(ROOT, "prod")
    infra = stage.infra.model_copy(update={"events": EventSettings()})
    fragment = template.fragment(replace(stage, infra=infra))
    kinds = [resource.get("Type") for resource in fragment["Resources"].values()]
    functions = {"publish", "deliver"}
    assert EVENTS.per_stage["alarm"] == kinds.count("AWS::CloudWatch::Alarm") + 2 * len(functions)
    assert EVENTS.per_stage["sqs_request"] == read_usage().per_stage["sqs_request"][0], "each queue is polled"


def test_memory_is_that_of_the_configuration() -> None:
    config = json.loads((ROOT / CONFIG).read_text())
    for operation in (EVENTS.wake_up, EVENTS.delivery):
        assert operation.memory_mb == config["lambda_functions"][operation.function]["lambda_memory_size"]


def test_every_appending_operation_is_one_of_the_usage() -> None:
    assert set(EVENTS.appending) <= {operation.name for operation in read_usage().operations}


def test_costs_increase_by_the_same_for_each_endpoint() -> None:
    none, one, two = (monthly(1_000, endpoints) for endpoints in range(3))
    assert without_events(1_000) < none < one
    assert two - one == pytest.approx(one - none)
    assert monthly(0, 2) == monthly(0, 0)
