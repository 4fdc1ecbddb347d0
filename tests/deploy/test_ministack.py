"""Deploying, changing, failing and destroying, on an emulator of AWS that nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from infra.deploy.artefacts import Build
from infra.deploy.console import Console
from infra.errors import InfraError
from infra.stage import Stage as Settings
from tests.deploy.account import everything, physical
from tests.deploy.builds import LIMIT, TABLES, broken, with_tables_of
from tests.support.client import ChatEndpoint, HttpClient, TestClient
from tests.support.ministack import MiniStack, MiniStackStage, stage_of

Changed = Callable[[], Build]
BUCKET = "chat-artefacts-000000000000-eu-west-1-an"


def deploy(running: MiniStackStage, build: Build, settings: Settings) -> tuple[ChatEndpoint, list[str]]:
    """Deploy; the stage as it is then, and what was said."""
    said: list[str] = []
    deployed = running.ministack.deploy(build, settings, Console(write=said.append, yes=True))
    return stage_of(running.ministack, settings, deployed), said


@contextmanager
def somebody(stage: ChatEndpoint) -> Iterator[TestClient]:
    http = HttpClient(stage.http_url)
    person = TestClient(stage, http, "alice", "Alice")
    try:
        yield person
    finally:
        person.disconnect()
        http.close()


def test_a_setting_a_route_and_a_table_are_changed_in_place_under_an_open_socket(
    standing: MiniStackStage, build: Build, changed: Changed, settings: Settings
) -> None:
    stage, _ = deploy(standing, build, settings)
    with somebody(stage) as alice:
        _update_under(alice, standing, changed(), settings)
    after = physical(standing.ministack)
    deploy(standing, build, settings)
    routes = standing.ministack.client("apigatewayv2").get_routes(ApiId=after["WebsocketAPI"])["Items"]
    assert "extra" not in {each["RouteKey"] for each in routes}


def _update_under(alice: TestClient, standing: MiniStackStage, new: Build, settings: Settings) -> None:
    chat = alice.create_conversation("Before the update")
    alice.connect(chat)
    alice.send_message(chat, "before")
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
    alice.send_message(chat, "after, on the same socket")
    alice.expect_message("after, on the same socket")
    assert alice.socket.request("ping", action="extra")["type"] in {"pong", "error"}, "the new route is served"
    routes = standing.ministack.client("apigatewayv2").get_routes(ApiId=after["WebsocketAPI"])["Items"]
    assert "extra" in {each["RouteKey"] for each in routes}
    assert [event["type"] for event in alice.list_events(chat)] == ["conversation_created", "message", "message"]
    alice.post("/conversations", {"title": "x" * 31}).expect(400)


def test_replacing_a_table_is_refused(
    standing: MiniStackStage, build: Build, changed: Changed, settings: Settings
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
    assert "No changes: the stack matches the template" in said


def test_tables_of_production_stay_if_the_stack_stood_and_are_protected_then(
    empty: MiniStack, build: Build, settings: Settings
) -> None:
    production = replace(settings, infra=settings.infra.model_copy(update={"production": True}))
    template = with_tables_of(production, build.template)
    untouched = everything(empty)
    with pytest.raises(InfraError, match="ended in ROLLBACK_COMPLETE\nRoot cause: BadAlarm"):
        empty.deploy(Build(build.bundle, broken(template)), production, Console(write=lambda _: None, yes=True))
    assert everything(empty)["tables"] == untouched["tables"], "they never held anything"

    said: list[str] = []
    deployed = empty.deploy(Build(build.bundle, template), production, Console(write=said.append, yes=True))
    assert "Turning on deletion protection of the tables" in said
    with somebody(stage_of(empty, production, deployed)) as alice:
        alice.create_conversation("Will it stay?")
    names = physical(empty)
    dynamodb = empty.client("dynamodb")
    for table in TABLES:
        assert dynamodb.describe_table(TableName=names[table])["Table"]["DeletionProtectionEnabled"] is True
    there = everything(empty)
    assert all(there[kind] != untouched[kind] for kind in untouched), "each kind is looked for"

    kept = empty.destroy(production, Console(write=lambda _: None, yes=True))
    left = {kind: found - untouched[kind] for kind, found in everything(empty).items()}
    assert all("GatewayLogRole" in each for each in left["roles"]), "of the failed creation, too"
    roles = left["roles"] | {names["GatewayLogRole"]}
    stays = {"roles": roles, "tables": {names[each] for each in TABLES}, "buckets": {BUCKET}}
    assert left == {kind: stays.get(kind, set()) for kind in left}
    assert {each["LogicalResourceId"] for each in kept} == {"GatewayLogRole", "GatewayAccount", *TABLES}
    items = dynamodb.scan(TableName=names["ConversationsTable"])["Items"]
    assert any("Will it stay?" in str(item) for item in items)
