"""The shapes of the template that no linter sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import app
from infra.errors import InfraError
from infra.runtime import this_runtime
from infra.stage import Stage
from infra.template.compose import merge_fragments
from infra.template.names import FUNCTIONS
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
GATEWAY_SECONDS = 29
"""How long API Gateway waits for a function (developer guide, "Quotas")."""


def of_type(resources: Json, kind: str) -> Json:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def functions(resources: Json) -> Json:
    return of_type(resources, "AWS::Serverless::Function")


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


# ---- functions -----------------------------------------------------------------------------------------


def test_every_function_is_known_by_its_names(resources: Json) -> None:
    assert set(functions(resources)) == {each.logical_id for each in FUNCTIONS}
    handlers = {name: each["Handler"] for name, each in functions(resources).items()}
    assert handlers == {
        "APIHandler": "app.app",
        "Auth": "chalicelib.edge.http.auth",
        "WebsocketConnect": "app.connect",
        "WebsocketMessage": "app.message",
        "WebsocketDisconnect": "app.disconnect",
        "Sweep": "app.sweep",
        "Worker": "app.worker",
    }


def test_functions_run_on_the_python_and_processor_of_the_bundle(resources: Json, stage: Stage) -> None:
    runtime = this_runtime(stage.architecture)
    for each in functions(resources).values():
        assert each["Runtime"] == f"python{runtime.python}"
        assert each["Architectures"] == ["arm64"]
        assert each["CodeUri"] == "./deployment.zip"


def test_memory_and_time_are_chosen_for_each_function(resources: Json) -> None:
    chosen = {name: (each["MemorySize"], each["Timeout"]) for name, each in functions(resources).items()}
    # Below half a gigabyte a function has so little of a processor that signing a fan-out takes seconds.
    assert all(memory >= 512 for name, (memory, _) in chosen.items() if name != "Sweep")
    assert all(
        seconds < GATEWAY_SECONDS for name, (_, seconds) in chosen.items() if name not in ("Sweep", "Worker")
    )
    assert chosen["Sweep"][1] > app.SWEEP_SECONDS
    assert chosen["Worker"][1] >= 2 * app.JOB_SECONDS, (
        "a page that is begun at the last moment must get to its end"
    )


def test_concurrency_is_reserved_where_the_configuration_says_so(dev: Json, prod: Json) -> None:
    def reserved(template: Json) -> Json:
        found = functions(template["Resources"]).items()
        key = "ReservedConcurrentExecutions"
        return {name: each[key] for name, each in found if key in each}

    assert reserved(dev) == {}
    assert reserved(prod) == {"Sweep": 1}


def test_all_functions_know_their_tables_and_the_callback_url(cloudformation: Json, stage: Stage) -> None:
    for each in of_type(cloudformation["Resources"], "AWS::Lambda::Function").values():
        variables = each["Environment"]["Variables"]
        assert variables["CHAT_CONVERSATIONS_TABLE"] == {"Ref": "ConversationsTable"}
        assert variables["CHAT_CONNECTIONS_TABLE"] == {"Ref": "ConnectionsTable"}
        url = f"https://${{WebsocketAPI}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
        assert variables["CHAT_MANAGEMENT_ENDPOINT"] == {"Fn::Sub": url}
        assert variables["CHAT_STAGE"] == stage.name
        assert variables["CHAT_VERSION"]
        assert variables["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
        assert variables.items() >= stage.environment.items()


def test_a_failed_sweep_is_not_repeated_by_lambda(cloudformation: Json) -> None:
    (repeats,) = of_type(cloudformation["Resources"], "AWS::Lambda::EventInvokeConfig").values()
    assert repeats["FunctionName"] == {"Ref": "Sweep"}
    assert repeats["MaximumRetryAttempts"] == 0


# ---- tables --------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_definition_with_all_that_keeps_them_safe(resources: Json, stage: Stage) -> None:
    tables = of_type(resources, "AWS::DynamoDB::Table")
    definition = json.loads((ROOT / "infra" / "tables.json").read_text())
    assert set(tables) == {"ConversationsTable", "ConnectionsTable"}
    for name, table in tables.items():
        protected = stage.infra.production and {"Fn::If": ["TablesAreProtected", True, False]}
        assert table == definition[name]["Properties"] | {"DeletionProtectionEnabled": protected}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_tables_of_production_are_protected_unless_it_is_said_otherwise(dev: Json, prod: Json) -> None:
    assert prod["Parameters"]["ProtectTables"]["Default"] == "true"
    assert prod["Conditions"]["TablesAreProtected"] == {"Fn::Equals": [{"Ref": "ProtectTables"}, "true"]}
    assert "ProtectTables" not in dev.get("Parameters", {})


def test_what_outlives_the_stack_is_told_and_nothing_else(dev: Json, prod: Json) -> None:
    def kept(template: Json) -> set[str]:
        kept = set()
        for name, each in template["Resources"].items():
            policies = (each.get("DeletionPolicy"), each.get("UpdateReplacePolicy"))
            if policies not in {(None, None), ("Delete", "Delete")}:
                # Tables go where their creation is undone; the role does not, as the account is set to it by then.
                first = "RetainExceptOnCreate" if each["Type"] == "AWS::DynamoDB::Table" else "Retain"
                assert policies == (first, "Retain"), name
                kept.add(name)
        return kept

    assert kept(dev) == {"GatewayAccount", "GatewayLogRole"}
    assert kept(prod) == kept(dev) | {"ConversationsTable", "ConnectionsTable"}


# ---- the HTTP API --------------------------------------------------------------------------------------


def test_there_is_one_stage_of_the_http_api_and_no_second_one_beside_it(
    cloudformation: Json, stage: Stage
) -> None:
    found = of_type(cloudformation["Resources"], "AWS::ApiGateway::Stage")
    assert [each["StageName"] for each in found.values()] == [stage.api_stage]
    deployments = of_type(cloudformation["Resources"], "AWS::ApiGateway::Deployment")
    assert deployments
    assert all("StageName" not in each for each in deployments.values())


def test_the_http_api_is_regional(cloudformation: Json) -> None:
    api = cloudformation["Resources"]["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_a_changed_route_makes_a_new_deployment_of_the_http_api(cloudformation: Json) -> None:
    # SAM puts a digest of the definition into the name of the deployment, so that it is a new one.
    (name,) = of_type(cloudformation["Resources"], "AWS::ApiGateway::Deployment")
    assert re.fullmatch(r"RestAPIDeployment[0-9a-f]{10}", name)


def test_every_route_but_the_public_ones_asks_the_authorizer(resources: Json) -> None:
    body = resources["RestAPI"]["Properties"]["DefinitionBody"]
    open_routes = {
        (path, method)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
        if method != "options" and operation.get("security") != [{"auth": []}]
    }
    assert open_routes == {("/health", "get"), ("/openapi.json", "get")}
    assert all("options" in methods for methods in body["paths"].values())


def test_the_http_stage_is_throttled_and_writes_no_execution_log(cloudformation: Json, stage: Stage) -> None:
    (found,) = of_type(cloudformation["Resources"], "AWS::ApiGateway::Stage").values()
    (settings,) = found["MethodSettings"]
    assert settings == {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        "ThrottlingRateLimit": stage.infra.http_throttle.rate,
        "ThrottlingBurstLimit": stage.infra.http_throttle.burst,
        "LoggingLevel": "OFF",
        "DataTraceEnabled": False,
    }


# ---- the WebSocket API ---------------------------------------------------------------------------------


def test_the_socket_stage_follows_every_change(resources: Json, stage: Stage) -> None:
    assert of_type(resources, "AWS::ApiGatewayV2::Deployment") == {}
    (found,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert found["AutoDeploy"] is True
    assert "DeploymentId" not in found
    assert found["StageName"] == stage.api_stage


def test_each_socket_route_goes_to_its_function(resources: Json) -> None:
    went = {}
    for route in of_type(resources, "AWS::ApiGatewayV2::Route").values():
        _, (prefix, integration) = route["Target"]["Fn::Join"]
        assert prefix == "integrations"
        _, names = resources[integration["Ref"]]["Properties"]["IntegrationUri"]["Fn::Sub"]
        went[route["RouteKey"]] = names["WebsocketHandler"]["Ref"]
    assert went == {
        "$connect": "WebsocketConnect",
        "$default": "WebsocketMessage",
        "$disconnect": "WebsocketDisconnect",
    }


def test_the_connect_handler_verifies_and_nothing_stands_before_it(resources: Json) -> None:
    assert of_type(resources, "AWS::ApiGatewayV2::Authorizer") == {}
    assert resources["WebsocketConnectRoute"]["Properties"]["AuthorizationType"] == "NONE"


def test_the_socket_stage_is_throttled_and_writes_no_frames(resources: Json, stage: Stage) -> None:
    assert resources["WebsocketAPIStage"]["Properties"]["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": stage.infra.socket_throttle.rate,
        "ThrottlingBurstLimit": stage.infra.socket_throttle.burst,
        "DataTraceEnabled": False,
    }


def test_the_stage_that_policies_name_is_this_one(template: Json, stage: Stage) -> None:
    assert set(template["Parameters"]) == {"ApiStage"} | ({"ProtectTables"} if stage.infra.production else set())
    parameter = template["Parameters"]["ApiStage"]
    assert (parameter["Default"], parameter["AllowedValues"]) == (stage.api_stage, [stage.api_stage])


# ---- logs ----------------------------------------------------------------------------------------------


def test_every_log_group_forgets(resources: Json, stage: Stage) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 2
    assert {each["RetentionInDays"] for each in groups.values()} == {stage.infra.log_retention_days}
    names = [each["LogGroupName"]["Fn::Sub"] for each in groups.values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith("/${AWS::StackName}/") for name in names)


def test_every_function_writes_into_a_group_of_its_own(cloudformation: Json) -> None:
    found = of_type(cloudformation["Resources"], "AWS::Lambda::Function")
    groups = {name: each["LoggingConfig"]["LogGroup"]["Ref"] for name, each in found.items()}
    assert groups == {each.logical_id: each.log_group for each in FUNCTIONS}


def test_access_logs_hold_no_credential_no_query_string_and_no_text(resources: Json) -> None:
    http = resources["RestAPI"]["Properties"]["AccessLogSetting"]
    sockets = resources["WebsocketAPIStage"]["Properties"]["AccessLogSettings"]
    assert http["DestinationArn"] == {"Fn::GetAtt": ["HttpAccessLogGroup", "Arn"]}
    assert sockets["DestinationArn"] == {"Fn::GetAtt": ["SocketAccessLogGroup", "Arn"]}
    for each in (http, sockets):
        line = json.loads(each["Format"])
        assert {"request_id", "time", "route", "status"} <= set(line)
        for variable in line.values():
            assert re.fullmatch(r"\$context\.[A-Za-z_.]+", variable)
            assert not re.search(
                r"query|header|body|token|message|identity|authorizer\.(?!participant_id)", variable, re.I
            )


def test_api_gateway_may_write_logs_before_a_stage_wants_to(resources: Json) -> None:
    assert resources["GatewayAccount"]["Properties"] == {
        "CloudWatchRoleArn": {"Fn::GetAtt": ["GatewayLogRole", "Arn"]}
    }
    for name in ("RestAPI", "WebsocketAPIStage"):
        assert resources[name]["DependsOn"] == ["GatewayAccount"]


# ---- the whole -----------------------------------------------------------------------------------------


def test_the_urls_and_names_that_people_need_are_outputs(template: Json, stage: Stage) -> None:
    outputs = {name: each["Value"] for name, each in template["Outputs"].items()}
    place = f"execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
    assert outputs["HttpUrl"] == {"Fn::Sub": f"https://${{RestAPI}}.{place}"}
    assert outputs["SocketUrl"] == {"Fn::Sub": f"wss://${{WebsocketAPI}}.{place}"}
    assert outputs["ConversationsTableName"] == {"Ref": "ConversationsTable"}
    assert outputs["ConnectionsTableName"] == {"Ref": "ConnectionsTable"}
    assert outputs["AlarmTopicArn"] == {"Ref": "AlarmTopic"}


def test_two_stages_share_no_name(dev: Json, prod: Json) -> None:
    def names(template: Json) -> set[str]:
        found = of_type(template["Resources"], "AWS::ApiGatewayV2::Api") | of_type(
            template["Resources"], "AWS::Serverless::Api"
        )
        return {each["Name"] for each in found.values()}

    assert names(dev) == {"chat-dev-http", "chat-dev-sockets"}
    assert names(prod) == {"chat-prod-http", "chat-prod-sockets"}


def test_no_secret_is_in_the_template(template: Json) -> None:
    assert not re.search(r'CHAT_JWT_SECRET"|development-secret|resolve:', json.dumps(template))


def test_two_modules_cannot_set_the_same_property_unseen() -> None:
    assert merge_fragments([{"a": {"b": 1}}, {"a": {"c": 2}}]) == {"a": {"b": 1, "c": 2}}
    with pytest.raises(InfraError, match=r"two modules of infra/template set a\.b"):
        merge_fragments([{"a": {"b": 1}}, {"a": {"b": 2}}])
