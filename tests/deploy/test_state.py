"""The state of a stage: read from the deployed template, bound to the next one, and contained in no build."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from infra.deploy.artefacts import Build
from infra.deploy.state import CONNECTIONS, CONVERSATIONS, StageState, bind_state, read_state
from infra.deploy.streams import with_stream
from infra.errors import InfraError
from tests.deploy.fakes import Aws

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


STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/chat-prod-conversations-7/stream/2026-11-29T12:00:00.000"
STREAM_OF_THE_STACK = [CONVERSATIONS, "StreamArn"]


def with_events(build: Build) -> Json:
    """Return a template whose functions read a stream and a queue, as those of a stage with events do."""
    template: Json = json.loads(json.dumps(build.template))
    reads = {"Effect": "Allow", "Action": ["dynamodb:GetRecords"], "Resource": {"Fn::GetAtt": STREAM_OF_THE_STACK}}
    mapping = {"Type": "DynamoDB", "Properties": {"Stream": {"Fn::GetAtt": STREAM_OF_THE_STACK}}}
    template["Resources"]["Publish"] = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"Events": {"S": mapping}},
    }
    template["Resources"]["PublishRole"] = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [reads]}}
    return template


def stream_of(template: Json) -> object:
    return template["Resources"]["Publish"]["Properties"]["Events"]["S"]["Properties"]["Stream"]


def test_table_outside_the_stack_is_read_by_its_own_stream(build: Build) -> None:
    state = replace(NAMED, stream=STREAM)
    bound = bind_state(with_events(build), state)
    assert stream_of(bound) == STREAM
    assert bound["Resources"]["PublishRole"]["Properties"]["Policies"][0]["Resource"] == STREAM
    assert read_state(bound) == state
    assert stream_of(bind_state(with_events(build), StageState())) == {"Fn::GetAtt": STREAM_OF_THE_STACK}


def test_fence_stops_the_stream(build: Build) -> None:
    bound = bind_state(with_events(build), StageState(fenced=True))
    assert bound["Resources"]["Publish"]["Properties"]["Events"]["S"]["Properties"]["Enabled"] is False
    opened = bind_state(bound, StageState())
    assert "Enabled" not in opened["Resources"]["Publish"]["Properties"]["Events"]["S"]["Properties"]


def test_second_restore_replaces_the_names_of_the_first(build: Build) -> None:
    first = bind_state(with_events(build), replace(NAMED, stream=STREAM))
    later = STREAM.replace("-7/", "-77/").replace("12:00", "13:00")
    second = replace(
        read_state(first).with_tables("chat-prod-conversations-77", "chat-prod-connections-77", now=1),
        stream=later,
    )
    bound = bind_state(first, second)
    assert read_state(bound) == second
    assert bound == bind_state(with_events(build), second)


def test_other_tables_have_another_stream() -> None:
    assert replace(NAMED, stream=STREAM).with_tables("chat-a", "chat-b", now=5).stream == ""


@dataclass
class StreamedTable:
    """DynamoDB with one table."""

    kind: str = ""
    polls: int = 2
    updates: list[Json] = field(default_factory=list)

    def describe_table(self, TableName: str) -> Json:  # noqa: N803
        self.polls -= bool(self.updates)
        status = "UPDATING" if self.updates and self.polls > 0 else "ACTIVE"
        stream: Json = {}
        if self.kind:
            specification = {"StreamEnabled": True, "StreamViewType": self.kind}
            stream = {"StreamSpecification": specification, "LatestStreamArn": f"{TableName}/stream"}
        return {"Table": {"TableStatus": status, **stream}}

    def update_table(self, **arguments: Any) -> None:
        self.updates.append(arguments)
        self.kind = arguments["StreamSpecification"]["StreamViewType"]


def streamed(build: Build, table: StreamedTable, state: StageState, *, events: bool = True) -> StageState:
    account = replace(Aws().account, dynamodb=table)
    template = with_events(build) if events else build.template
    return with_stream(account, template, state, Aws().console(), sleep=lambda _seconds: None)


def test_stream_of_a_restored_table_is_turned_on_once(build: Build) -> None:
    table = StreamedTable()
    for _ in range(2):
        assert streamed(build, table, NAMED).stream == f"{NAMES[0]}/stream"
    assert table.updates == [
        {
            "TableName": NAMES[0],
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        }
    ]


def test_tables_of_the_stack_and_stages_without_events_need_no_call(build: Build) -> None:
    table = StreamedTable()
    assert streamed(build, table, StageState()).stream == ""
    assert streamed(build, table, replace(NAMED, stream=STREAM), events=False).stream == ""
    assert table.updates == []


def test_stream_with_contents_is_refused(build: Build) -> None:
    with pytest.raises(InfraError, match="a stream of NEW_IMAGE, with messages"):
        streamed(build, StreamedTable("NEW_IMAGE"), NAMED)
