"""Properties of the template that no linter checks."""

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
"""API Gateway's integration timeout (developer guide, "Quotas")."""


def of_type(resources: Json, kind: str) -> Json:
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def functions(resources: Json) -> Json:
    return of_type(resources, "AWS::Serverless::Function")


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for entry in value.values():
            yield from strings(entry)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


# ---- functions -----------------------------------------------------------------------------------------


def test_function_names_match_those_of_chalice(resources: Json) -> None:
    assert set(functions(resources)) == {function.logical_id for function in FUNCTIONS}
    handlers = {name: function["Handler"] for name, function in functions(resources).items()}
    assert handlers == {
        "APIHandler": "app.app",
        "Auth": "chalicelib.edge.http.auth",
        "WebsocketConnect": "app.connect",
        "WebsocketMessage": "app.message",
        "WebsocketDisconnect": "app.disconnect",
        "Sweep": "app.sweep",
        "Worker": "app.worker",
    }


def test_functions_use_the_python_and_architecture_of_the_bundle(resources: Json, stage: Stage) -> None:
    runtime = this_runtime(stage.architecture)
    for function in functions(resources).values():
        assert function["Runtime"] == f"python{runtime.python}"
        assert function["Architectures"] == ["arm64"]
        assert function["CodeUri"] == "./deployment.zip"


def test_memory_and_timeout_per_function(resources: Json) -> None:
    chosen = {
        name: (function["MemorySize"], function["Timeout"]) for name, function in functions(resources).items()
    }
    # Below 512 MB a function has so little CPU that signing a fan-out takes seconds.
    assert all(memory >= 512 for name, (memory, _) in chosen.items() if name != "Sweep")
    assert all(
        seconds < GATEWAY_SECONDS for name, (_, seconds) in chosen.items() if name not in ("Sweep", "Worker")
    )
    assert chosen["Sweep"][1] > app.SWEEP_SECONDS
    assert chosen["Worker"][1] >= 2 * app.JOB_SECONDS, "a page that starts at the last moment must finish"


def test_reserved_concurrency_is_that_of_the_configuration(dev: Json, prod: Json) -> None:
    def reserved(template: Json) -> Json:
        found = functions(template["Resources"]).items()
        key = "ReservedConcurrentExecutions"
        return {name: item[key] for name, item in found if key in item}

    assert reserved(dev) == {}
    assert reserved(prod) == {"Sweep": 1}


def test_all_functions_have_table_names_and_callback_url(cloudformation: Json, stage: Stage) -> None:
    for item in of_type(cloudformation["Resources"], "AWS::Lambda::Function").values():
        variables = item["Environment"]["Variables"]
        assert variables["CHAT_CONVERSATIONS_TABLE"] == {"Ref": "ConversationsTable"}
        assert variables["CHAT_CONNECTIONS_TABLE"] == {"Ref": "ConnectionsTable"}
        url = f"https://${{WebsocketAPI}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
        assert variables["CHAT_MANAGEMENT_ENDPOINT"] == {"Fn::Sub": url}
        assert variables["CHAT_STAGE"] == stage.name
        assert variables["CHAT_VERSION"]
        assert variables["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
        assert variables.items() >= stage.environment.items()


def test_failed_sweep_is_not_retried_by_lambda(cloudformation: Json) -> None:
    (repeats,) = of_type(cloudformation["Resources"], "AWS::Lambda::EventInvokeConfig").values()
    assert repeats["FunctionName"] == {"Ref": "Sweep"}
    assert repeats["MaximumRetryAttempts"] == 0


# ---- tables --------------------------------------------------------------------------------------------


def test_tables_have_the_definition_and_protection_of_the_stage(resources: Json, stage: Stage) -> None:
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


def test_production_tables_are_protected_by_default(dev: Json, prod: Json) -> None:
    assert prod["Parameters"]["ProtectTables"]["Default"] == "true"
    assert prod["Conditions"]["TablesAreProtected"] == {"Fn::Equals": [{"Ref": "ProtectTables"}, "true"]}
    assert "ProtectTables" not in dev.get("Parameters", {})


def test_retained_resources_are_exactly_the_expected_ones(dev: Json, prod: Json) -> None:
    def kept(template: Json) -> set[str]:
        kept = set()
        for name, resource in template["Resources"].items():
            policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
            if policies not in {(None, None), ("Delete", "Delete")}:
                # Tables are deleted if their creation is rolled back; the role is retained, as the account uses
                # it.
                first = "RetainExceptOnCreate" if resource["Type"] == "AWS::DynamoDB::Table" else "Retain"
                assert policies == (first, "Retain"), name
                kept.add(name)
        return kept

    assert kept(dev) == {"GatewayAccount", "GatewayLogRole"}
    assert kept(prod) == kept(dev) | {"ConversationsTable", "ConnectionsTable"}


# ---- the HTTP API --------------------------------------------------------------------------------------


def test_http_api_has_exactly_one_stage(cloudformation: Json, stage: Stage) -> None:
    found = of_type(cloudformation["Resources"], "AWS::ApiGateway::Stage")
    assert [item["StageName"] for item in found.values()] == [stage.api_stage]
    deployments = of_type(cloudformation["Resources"], "AWS::ApiGateway::Deployment")
    assert deployments
    assert all("StageName" not in deployment for deployment in deployments.values())


def test_http_api_is_regional(cloudformation: Json) -> None:
    api = cloudformation["Resources"]["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_changed_route_creates_a_new_deployment_of_the_http_api(cloudformation: Json) -> None:
    # SAM includes a digest of the definition in the deployment's logical id, so that it changes.
    (name,) = of_type(cloudformation["Resources"], "AWS::ApiGateway::Deployment")
    assert re.fullmatch(r"RestAPIDeployment[0-9a-f]{10}", name)


def test_every_private_route_requires_the_authorizer(resources: Json) -> None:
    body = resources["RestAPI"]["Properties"]["DefinitionBody"]
    open_routes = {
        (path, method)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
        if method != "options" and operation.get("security") != [{"auth": []}]
    }
    assert open_routes == {("/health", "get"), ("/openapi.json", "get")}
    assert all("options" in methods for methods in body["paths"].values())


def test_http_stage_is_throttled_without_execution_logs(cloudformation: Json, stage: Stage) -> None:
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


def test_websocket_stage_deploys_automatically(resources: Json, stage: Stage) -> None:
    assert of_type(resources, "AWS::ApiGatewayV2::Deployment") == {}
    (found,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert found["AutoDeploy"] is True
    assert "DeploymentId" not in found
    assert found["StageName"] == stage.api_stage


def test_websocket_routes_invoke_their_functions_on_aws(resources: Json) -> None:
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


def test_connect_route_has_no_authorizer(resources: Json) -> None:
    assert of_type(resources, "AWS::ApiGatewayV2::Authorizer") == {}
    assert resources["WebsocketConnectRoute"]["Properties"]["AuthorizationType"] == "NONE"


def test_websocket_stage_is_throttled_without_data_trace(resources: Json, stage: Stage) -> None:
    assert resources["WebsocketAPIStage"]["Properties"]["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": stage.infra.socket_throttle.rate,
        "ThrottlingBurstLimit": stage.infra.socket_throttle.burst,
        "DataTraceEnabled": False,
    }


def test_stage_parameter_of_the_policies_is_this_stage(template: Json, stage: Stage) -> None:
    assert set(template["Parameters"]) == {"ApiStage"} | ({"ProtectTables"} if stage.infra.production else set())
    parameter = template["Parameters"]["ApiStage"]
    assert (parameter["Default"], parameter["AllowedValues"]) == (stage.api_stage, [stage.api_stage])


# ---- logs ----------------------------------------------------------------------------------------------


def test_every_log_group_has_a_retention(resources: Json, stage: Stage) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 2
    assert {group["RetentionInDays"] for group in groups.values()} == {stage.infra.log_retention_days}
    names = [group["LogGroupName"]["Fn::Sub"] for group in groups.values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith("/${AWS::StackName}/") for name in names)


def test_every_function_has_its_own_log_group(cloudformation: Json) -> None:
    found = of_type(cloudformation["Resources"], "AWS::Lambda::Function")
    groups = {name: item["LoggingConfig"]["LogGroup"]["Ref"] for name, item in found.items()}
    assert groups == {function.logical_id: function.log_group for function in FUNCTIONS}


def test_access_logs_contain_no_credentials_query_strings_or_content(resources: Json) -> None:
    http = resources["RestAPI"]["Properties"]["AccessLogSetting"]
    sockets = resources["WebsocketAPIStage"]["Properties"]["AccessLogSettings"]
    assert http["DestinationArn"] == {"Fn::GetAtt": ["HttpAccessLogGroup", "Arn"]}
    assert sockets["DestinationArn"] == {"Fn::GetAtt": ["SocketAccessLogGroup", "Arn"]}
    for item in (http, sockets):
        line = json.loads(item["Format"])
        assert {"request_id", "time", "route", "status"} <= set(line)
        for variable in line.values():
            assert re.fullmatch(r"\$context\.[A-Za-z_.]+", variable)
            assert not re.search(
                r"query|header|body|token|message|identity|authorizer\.(?!participant_id)", variable, re.I
            )


def test_stages_depend_on_the_log_role(resources: Json) -> None:
    assert resources["GatewayAccount"]["Properties"] == {
        "CloudWatchRoleArn": {"Fn::GetAtt": ["GatewayLogRole", "Arn"]}
    }
    for name in ("RestAPI", "WebsocketAPIStage"):
        assert resources[name]["DependsOn"] == ["GatewayAccount"]


# ---- the whole template --------------------------------------------------------------------------------


def test_outputs_contain_urls_and_resource_names(template: Json, stage: Stage) -> None:
    outputs = {name: output["Value"] for name, output in template["Outputs"].items()}
    place = f"execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
    assert outputs["HttpUrl"] == {"Fn::Sub": f"https://${{RestAPI}}.{place}"}
    assert outputs["SocketUrl"] == {"Fn::Sub": f"wss://${{WebsocketAPI}}.{place}"}
    assert outputs["ConversationsTableName"] == {"Ref": "ConversationsTable"}
    assert outputs["ConnectionsTableName"] == {"Ref": "ConnectionsTable"}
    assert outputs["AlarmTopicArn"] == {"Ref": "AlarmTopic"}


def test_stages_share_no_resource_names(dev: Json, prod: Json) -> None:
    def names(template: Json) -> set[str]:
        found = of_type(template["Resources"], "AWS::ApiGatewayV2::Api") | of_type(
            template["Resources"], "AWS::Serverless::Api"
        )
        return {item["Name"] for item in found.values()}

    assert names(dev) == {"chat-dev-http", "chat-dev-sockets"}
    assert names(prod) == {"chat-prod-http", "chat-prod-sockets"}


def test_template_contains_no_secret(template: Json) -> None:
    assert not re.search(r'CHAT_JWT_SECRET"|development-secret|resolve:', json.dumps(template))


def test_conflicting_fragments_are_rejected() -> None:
    assert merge_fragments([{"a": {"b": 1}}, {"a": {"c": 2}}]) == {"a": {"b": 1, "c": 2}}
    with pytest.raises(InfraError, match=r"two modules of infra/template set a\.b"):
        merge_fragments([{"a": {"b": 1}}, {"a": {"b": 2}}])
