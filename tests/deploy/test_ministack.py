"""Deploying, changing, failing and destroying, on an emulator of AWS that nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from infra.__main__ import main
from infra.deploy.artefacts import Build
from infra.deploy.console import Console
from infra.errors import InfraError
from infra.stage import Stage as Settings
from tests.deploy.fakes import Json
from tests.deploy.test_policy import NEEDS, allowed
from tests.support.client import Http, Person, Stage
from tests.support.ministack import REGION, MiniStack, Running, stage_of

Changed = Callable[[], Build]
TABLES = ("ConversationsTable", "ConnectionsTable")
LIMIT = "CHAT_LIMIT_TITLE_CHARACTERS"
BUCKET = "chat-artefacts-000000000000-eu-west-1-an"


def deploy(running: Running, build: Build, settings: Settings) -> tuple[Stage, list[str]]:
    """Deploy; the stage as it is then, and what was said."""
    said: list[str] = []
    deployed = running.ministack.deploy(build, settings, Console(say=said.append, yes=True))
    return stage_of(running.ministack, settings, deployed), said


def physical(ministack: MiniStack) -> dict[str, str]:
    """Logical → physical ids of the stack's resources."""
    found = ministack.client("cloudformation").describe_stack_resources(StackName="chat-dev")["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


def broken(build: Build) -> Build:
    """With one resource that cannot be made, and a setting that would be seen."""
    build.template["Globals"]["Function"]["Environment"]["Variables"][LIMIT] = "7"
    build.template["Resources"]["BadAlarm"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1},
    }
    return build


@contextmanager
def somebody(stage: Stage) -> Iterator[Person]:
    http = Http(stage.http_url)
    person = Person(stage, http, "alice", "Alice")
    try:
        yield person
    finally:
        person.disconnects()
        http.close()


def test_from_nothing_to_a_first_message_is_one_command(standing: Running) -> None:
    said = list(standing.said)
    assert [line for line in said if line.startswith("  ok  ")] == [
        "  ok  GET /health is 200 and says this version",
        "  ok  an unknown path is 404 in our shape",
        "  ok  no token is 401 in our shape",
        "  ok  a socket without a token is refused with 403",
        "  ok  a message is sent, acknowledged, heard and deleted",
    ]
    assert f"Making the bucket {BUCKET}: private, encrypted, for all stages" in said
    s3 = standing.ministack.client("s3")
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    secret = standing.ministack.client("ssm").get_parameter(Name="/chat/dev/jwt-secret", WithDecryption=True)
    assert not any(secret["Parameter"]["Value"] in line for line in said)


def test_the_deployers_policy_covers_every_resource_that_was_made(standing: Running) -> None:
    found = standing.ministack.client("cloudformation").describe_stack_resources(StackName="chat-dev")
    # The emulator's own way to gateway responses, which on AWS are part of the API's definition.
    kinds = {each["ResourceType"] for each in found["StackResources"]} - {"AWS::ApiGateway::GatewayResponse"}
    assert kinds == NEEDS.keys()
    for kind in kinds:
        assert NEEDS[kind] <= allowed(), (kind, NEEDS[kind] - allowed())


def test_deploying_again_changes_nothing(standing: Running, build: Build, settings: Settings) -> None:
    deploy(standing, build, settings)
    before = physical(standing.ministack)
    _, said = deploy(standing, build, settings)
    assert "Nothing to change: the stack is as the template wants it" in said
    assert not any("uploaded" in line or "Made the parameter" in line for line in said)
    assert physical(standing.ministack) == before


def test_a_setting_a_route_and_a_table_are_changed_in_place_under_an_open_socket(
    standing: Running, build: Build, changed: Changed, settings: Settings
) -> None:
    stage, _ = deploy(standing, build, settings)
    with somebody(stage) as alice:
        _update_under(alice, standing, changed(), settings)
    after = physical(standing.ministack)
    deploy(standing, build, settings)
    routes = standing.ministack.client("apigatewayv2").get_routes(ApiId=after["WebsocketAPI"])["Items"]
    assert "extra" not in {each["RouteKey"] for each in routes}


def _update_under(alice: Person, standing: Running, new: Build, settings: Settings) -> None:
    chat = alice.creates("Before the update")
    alice.connects(chat)
    alice.says(chat, "before")
    before = physical(standing.ministack)

    resources = new.template["Resources"]
    new.template["Globals"]["Function"]["Environment"]["Variables"][LIMIT] = "30"
    # A route of the WebSocket API: MiniStack makes an HTTP API whose definition changes anew, with another id.
    target = {"Fn::Sub": "integrations/${WebsocketMessageAPIIntegration}"}
    resources["ExtraRoute"] = {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {"ApiId": {"Ref": "WebsocketAPI"}, "RouteKey": "extra", "Target": target},
    }
    resources["ConnectionsTable"]["Properties"]["PointInTimeRecoverySpecification"] = {
        "PointInTimeRecoveryEnabled": False
    }
    _, said = deploy(standing, new, settings)
    # MiniStack says of more types than AWS that they may be replaced; not of tables.
    assert not any(line.startswith("!!!") and "Table" in line for line in said)

    after = physical(standing.ministack)
    assert {name: after[name] for name in (*TABLES, "RestAPI", "WebsocketAPI")} == {
        name: before[name] for name in (*TABLES, "RestAPI", "WebsocketAPI")
    }
    dynamodb = standing.ministack.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=after["ConnectionsTable"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "DISABLED"
    alice.says(chat, "after, on the same socket")
    alice.hears_message("after, on the same socket")
    assert alice.socket.asks("ping", action="extra")["type"] in {"pong", "error"}, "the new route is served"
    routes = standing.ministack.client("apigatewayv2").get_routes(ApiId=after["WebsocketAPI"])["Items"]
    assert "extra" in {each["RouteKey"] for each in routes}
    assert [event["type"] for event in alice.log(chat)] == ["conversation_created", "message", "message"]
    alice.post("/conversations", {"title": "x" * 31}).expect(400)


def test_a_deployment_that_fails_says_why_and_leaves_all_as_it_was(
    standing: Running, build: Build, changed: Changed, settings: Settings
) -> None:
    stage, _ = deploy(standing, build, settings)
    before = physical(standing.ministack)
    with somebody(stage) as alice:
        chat = alice.creates("Before the failure")
    with pytest.raises(InfraError) as caught:
        deploy(standing, broken(changed()), settings)
    said = str(caught.value).splitlines()
    assert said[0] == "The stack chat-dev ended in UPDATE_ROLLBACK_COMPLETE"
    assert said[1].startswith("Root cause: BadAlarm (AWS::CloudWatch::Alarm): ") and "MetricName" in said[1]
    assert "Everything runs as before" in said[-1]
    assert physical(standing.ministack) == before
    with somebody(stage) as alice:
        assert alice.sees(chat)["title"] == "Before the failure"
        alice.creates("longer than seven")


def test_replacing_a_table_is_refused(
    standing: Running, build: Build, changed: Changed, settings: Settings
) -> None:
    deploy(standing, build, settings)
    new = changed()
    table = new.template["Resources"]["ConversationsTable"]["Properties"]
    table["TableName"] = "another"
    before = physical(standing.ministack)
    with pytest.raises(InfraError, match=r"^Refused: ConversationsTable would be replaced or removed"):
        deploy(standing, new, settings)
    assert physical(standing.ministack) == before
    _, said = deploy(standing, build, settings)
    assert "Nothing to change: the stack is as the template wants it" in said


def test_the_commands_go_where_the_sdks_settings_say(
    standing: Running,
    build: Build,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage, _ = deploy(standing, build, settings)
    variables = {"AWS_ENDPOINT_URL": standing.ministack.url, "AWS_REGION": REGION}
    for name, value in {**variables, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    assert main(["token", "alice", "--name", "Alice", "--stage", "dev"]) == 0
    token = capsys.readouterr().out.strip()
    with closing(Http(stage.http_url)) as http:
        http.request("GET", "/conversations", token=token).expect(200)


def test_after_a_first_creation_that_failed_the_next_one_begins_anew(
    empty: MiniStack, build: Build, changed: Changed, settings: Settings
) -> None:
    with pytest.raises(InfraError, match="ended in ROLLBACK_COMPLETE\nRoot cause: BadAlarm"):
        empty.deploy(broken(changed()), settings, Console(say=lambda _: None, yes=True))
    said: list[str] = []
    assert empty.deploy(build, settings, Console(say=said.append, yes=True)).changed
    assert "The stack chat-dev was not created last time (ROLLBACK_COMPLETE): deleting it" in said
    assert said[-1] == "  ok  a message is sent, acknowledged, heard and deleted"


@pytest.mark.parametrize("production", [False, True], ids=["trial", "production"])
def test_destroying_leaves_what_is_kept_on_purpose_and_nothing_else(
    empty: MiniStack, changed: Changed, settings: Settings, production: bool
) -> None:
    new = changed()
    for table in TABLES:
        if production:
            new.template["Resources"][table] |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
            new.template["Resources"][table]["Properties"]["DeletionProtectionEnabled"] = True
    untouched = _everything(empty)
    deployed = empty.deploy(new, settings, Console(say=lambda _: None, yes=True))
    with somebody(stage_of(empty, settings, deployed)) as alice:
        alice.creates("Will it stay?")
    names = physical(empty)
    there = _everything(empty)
    assert all(there[kind] != untouched[kind] for kind in untouched), "each kind is looked for"

    kept = empty.destroy(settings, Console(say=lambda _: None, yes=True))
    tables = {names[each] for each in TABLES} if production else set()
    stays = {"roles": {names["GatewayLogRole"]}, "tables": tables, "buckets": {BUCKET}}
    left = _everything(empty)
    assert {kind: found - untouched[kind] for kind, found in left.items()} == {
        kind: stays.get(kind, set()) for kind in untouched
    }
    on_purpose = {"GatewayLogRole", "GatewayAccount", *(TABLES if production else ())}
    assert {each["LogicalResourceId"] for each in kept} == on_purpose
    if production:
        items = empty.client("dynamodb").scan(TableName=names["ConversationsTable"])["Items"]
        assert any("Will it stay?" in str(item) for item in items)


def _everything(ministack: MiniStack) -> dict[str, set[str]]:
    """All that an account holds of the kinds that a stage is made of, by names."""

    def names(service: str, operation: str, found: str, name: str | None, **arguments: Any) -> set[str]:
        answer: Json = getattr(ministack.client(service), operation)(**arguments)
        return {str(each if name is None else each[name]) for each in answer.get(found, [])}

    buckets = names("s3", "list_buckets", "Buckets", "Name")
    uploads = (names("s3", "list_objects_v2", "Contents", "Key", Bucket=each) for each in buckets)
    return {
        "functions": names("lambda", "list_functions", "Functions", "FunctionName"),
        "http apis": names("apigateway", "get_rest_apis", "items", "id"),
        "socket apis": names("apigatewayv2", "get_apis", "Items", "ApiId"),
        "tables": names("dynamodb", "list_tables", "TableNames", None),
        "queues": names("sqs", "list_queues", "QueueUrls", None),
        "mappings": names("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "logs": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarms": names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "dashboards": names("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        "topics": names("sns", "list_topics", "Topics", "TopicArn"),
        "schedules": names("events", "list_rules", "Rules", "Name"),
        "parameters": names("ssm", "describe_parameters", "Parameters", "Name"),
        "buckets": buckets,
        "uploads": set().union(*uploads),
    }
