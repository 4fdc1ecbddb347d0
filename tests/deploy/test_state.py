"""The state of a stage: read from the deployed template, bound to the next one, and contained in no build."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.deploy.artefacts import Build
from infra.deploy.state import CONNECTIONS, CONVERSATIONS, StageState, bind_state, read_state
from infra.errors import InfraError

Json = dict[str, Any]
NAMES = ("chat-prod-conversations-7", "chat-prod-connections-7")
NAMED = StageState().with_tables(*NAMES, now=1_800_000_000.5)


def test_build_has_no_state(build: Build) -> None:
    assert read_state(build.template) == StageState()


@pytest.mark.parametrize(
    "state", [StageState(), NAMED, replace(NAMED, release=12), replace(NAMED, fenced=True), StageState(history=9)]
)
def test_state_that_was_bound_is_read_again(state: StageState, build: Build) -> None:
    bound = bind_state(build.template, state)
    assert read_state(bound) == state
    assert read_state(build.template) == StageState(), "the build is unchanged"


def test_tables_outside_the_stack_replace_every_reference(build: Build) -> None:
    bound = bind_state(build.template, NAMED)
    assert not {CONVERSATIONS, CONNECTIONS} & bound["Resources"].keys()
    text = json.dumps(bound)
    for logical_id in (CONVERSATIONS, CONNECTIONS):
        for reference in (f'{{"Ref": "{logical_id}"}}', f'"Fn::GetAtt": ["{logical_id}"', f"${{{logical_id}}}"):
            assert reference not in text
    for name in NAMES:
        assert f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{name}" in text
    outputs = bound["Outputs"]
    assert (outputs["ConversationsTableName"]["Value"], outputs["ConnectionsTableName"]["Value"]) == NAMES
    (variables,) = (bound["Globals"]["Function"]["Environment"]["Variables"],)
    assert variables["CHAT_HISTORY_ID"] == f"1800000000.{NAMES[0]}"


def test_tables_of_the_stack_are_kept_as_they_are(build: Build) -> None:
    bound = bind_state(build.template, StageState())
    assert bound["Resources"] == build.template["Resources"]


def test_other_tables_begin_a_new_history_once() -> None:
    assert NAMED.history == 1_800_000_000
    assert NAMED.with_tables(*NAMES, now=1_900_000_000) == NAMED
    other = NAMED.with_tables("chat-a", "chat-b", now=5)
    assert other.history == 1_800_000_001, "higher than every earlier number, whatever the clock"


@pytest.mark.parametrize("name", ["", "a b", "${AWS::StackName}"])
def test_invalid_table_name_is_rejected(name: str) -> None:
    with pytest.raises(InfraError, match="not the name of a DynamoDB table"):
        StageState().with_tables(name, "chat-connections", now=0)


def test_fence_stops_all_functions_and_everything_that_invokes_them_later(build: Build) -> None:
    resources = bind_state(build.template, StageState(fenced=True))["Resources"]
    sources = [
        event
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
    ]
    assert {event["Type"]: event["Properties"].get("Enabled") for event in sources if event["Type"] != "Api"} == {
        "Schedule": False,
        "SQS": False,
    }
    assert {resources[table]["DeletionPolicy"] for table in (CONVERSATIONS, CONNECTIONS)} == {"Retain"}
