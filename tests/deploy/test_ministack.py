"""Deployment, update, failure and teardown on an independent emulator of AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from infra.deploy.artefacts import Build
from infra.deploy.console import Console
from infra.errors import InfraError
from infra.stage import Domain
from infra.stage import Stage as Settings
from tests.deploy.account import everything, physical
from tests.deploy.builds import LIMIT, TABLES, broken, with_domains_of, with_tables_of
from tests.support.client import ChatEndpoint, HttpClient, TestClient
from tests.support.ministack import MiniStack, MiniStackStage, stage_of

Changed = Callable[[], Build]
DOMAIN = Domain(name="api.chat.test", certificate_arn="arn:aws:acm:eu-west-1:000000000000:certificate/a1b2")
BUCKET = "chat-artefacts-000000000000-eu-west-1-an"


def deploy(running: MiniStackStage, build: Build, settings: Settings) -> tuple[ChatEndpoint, list[str]]:
    """Deploy; return the deployed stage and the console's lines."""
    output: list[str] = []
    deployed = running.ministack.deploy(build, settings, Console(write=output.append, yes=True))
    return stage_of(running.ministack, settings, deployed), output


@contextmanager
def participant(endpoint: ChatEndpoint) -> Iterator[TestClient]:
    http = HttpClient(endpoint.http_url)
    client = TestClient(endpoint, http, "alice", "Alice")
    try:
        yield client
    finally:
        client.disconnect()
        http.close()


def test_setting_route_and_table_change_in_place_under_an_open_connection(
    ministack_stage: MiniStackStage, build: Build, changed: Changed, settings: Settings
) -> None:
    endpoint, _ = deploy(ministack_stage, build, settings)
    with participant(endpoint) as alice:
        _update_under(alice, ministack_stage, changed(), settings)
    after = physical(ministack_stage.ministack)
    deploy(ministack_stage, build, settings)
    routes = ministack_stage.ministack.client("apigatewayv2").get_routes(ApiId=after["WebsocketAPI"])["Items"]
    assert "extra" not in {route["RouteKey"] for route in routes}


def _update_under(alice: TestClient, ministack_stage: MiniStackStage, new: Build, settings: Settings) -> None:
    chat = alice.create_conversation("Before the update")
    alice.connect(chat)
    alice.send_message(chat, "before")
    before = physical(ministack_stage.ministack)

    resources = new.template["Resources"]
    new.template["Globals"]["Function"]["Environment"]["Variables"][LIMIT] = "30"
    # A route of the WebSocket API: MiniStack recreates a changed HTTP API, with another id.
    target = {"Fn::Sub": "integrations/${WebsocketMessageAPIIntegration}"}
    resources["ExtraRoute"] = {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {"ApiId": {"Ref": "WebsocketAPI"}, "RouteKey": "extra", "Target": target},
    }
    resources["ConnectionsTable"]["Properties"]["PointInTimeRecoverySpecification"] = {
        "PointInTimeRecoveryEnabled": False
    }
    _, output = deploy(ministack_stage, new, settings)
    # MiniStack reports possible replacements for more types than AWS, but not for tables.
    assert not any(line.startswith("!!!") and "Table" in line for line in output)

    after = physical(ministack_stage.ministack)
    assert {name: after[name] for name in (*TABLES, "RestAPI", "WebsocketAPI")} == {
        name: before[name] for name in (*TABLES, "RestAPI", "WebsocketAPI")
    }
    dynamodb = ministack_stage.ministack.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=after["ConnectionsTable"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "DISABLED"
    alice.send_message(chat, "after, on the same connection")
    alice.expect_message("after, on the same connection")
    assert alice.socket.request("ping", action="extra")["type"] in {"pong", "error"}, "the new route is served"
    routes = ministack_stage.ministack.client("apigatewayv2").get_routes(ApiId=after["WebsocketAPI"])["Items"]
    assert "extra" in {route["RouteKey"] for route in routes}
    assert [event["type"] for event in alice.list_events(chat)] == ["conversation_created", "message", "message"]
    alice.post("/conversations", {"title": "x" * 31}).expect(400)


def test_table_replacement_is_refused(
    ministack_stage: MiniStackStage, build: Build, changed: Changed, settings: Settings
) -> None:
    deploy(ministack_stage, build, settings)
    new = changed()
    table = new.template["Resources"]["ConversationsTable"]["Properties"]
    table["TableName"] = "another"
    before = physical(ministack_stage.ministack)
    with pytest.raises(InfraError, match=r"^Refused: ConversationsTable would be replaced or removed"):
        deploy(ministack_stage, new, settings)
    assert physical(ministack_stage.ministack) == before
    _, output = deploy(ministack_stage, build, settings)
    assert "No changes: the stack matches the template" in output


def test_production_tables_are_protected_and_retained_after_a_successful_creation(
    empty: MiniStack, build: Build, settings: Settings
) -> None:
    options = {"production": True, "http_domain": DOMAIN}
    production = replace(settings, infra=settings.infra.model_copy(update=options))
    template = with_domains_of(production, with_tables_of(production, build.template))
    untouched = everything(empty)
    with pytest.raises(InfraError, match="ended in ROLLBACK_COMPLETE\nRoot cause: BadAlarm"):
        empty.deploy(Build(build.bundle, broken(template)), production, Console(write=lambda _: None, yes=True))
    assert everything(empty)["tables"] == untouched["tables"], "empty tables are not retained"

    output: list[str] = []
    deployed = empty.deploy(Build(build.bundle, template), production, Console(write=output.append, yes=True))
    assert "Turning on deletion protection of the tables" in output
    (domain,) = empty.client("apigatewayv2").get_domain_names()["Items"]
    target = domain["DomainNameConfigurations"][0]["ApiGatewayDomainName"]
    assert f"https://{DOMAIN.name}: its DNS record must point to {target}" in output
    (mapping,) = empty.client("apigatewayv2").get_api_mappings(DomainName=DOMAIN.name)["Items"]
    assert (mapping["ApiId"], mapping["Stage"]) == (physical(empty)["RestAPI"], "dev")
    with participant(stage_of(empty, production, deployed)) as alice:
        alice.create_conversation("Will it stay?")
    names = physical(empty)
    dynamodb = empty.client("dynamodb")
    for table in TABLES:
        assert dynamodb.describe_table(TableName=names[table])["Table"]["DeletionProtectionEnabled"] is True
    there = everything(empty)
    assert all(there[kind] != untouched[kind] for kind in untouched), "every kind is listed"

    kept = empty.destroy(production, Console(write=lambda _: None, yes=True))
    left = {kind: found - untouched[kind] for kind, found in everything(empty).items()}
    assert all("GatewayLogRole" in role for role in left["roles"]), "including that of the failed creation"
    roles = left["roles"] | {names["GatewayLogRole"]}
    stays = {"roles": roles, "tables": {names[item] for item in TABLES}, "buckets": {BUCKET}}
    assert left == {kind: stays.get(kind, set()) for kind in left}
    assert {item["LogicalResourceId"] for item in kept} == {"GatewayLogRole", "GatewayAccount", *TABLES}
    items = dynamodb.scan(TableName=names["ConversationsTable"])["Items"]
    assert any("Will it stay?" in str(item) for item in items)
