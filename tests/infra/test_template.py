"""Properties of the template that no linter checks."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import app
from chalicelib.edge import openapi
from infra.deploy.artefacts import bucket_name
from infra.errors import InfraError
from infra.regions import SMALL_QUOTA_REGIONS
from infra.runtime import runtime_for
from infra.stage import Stage
from infra.template.compose import merge_fragments
from infra.template.names import functions_of
from infra.template.throttling import limits
from infra.template.unmatched import ANY_METHOD, MOCK_RESPONSES
from specs.error_codes import codes
from tests.deploy.fakes import Aws
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
UNKNOWN_PATHS = ("/", "/{proxy+}")
LONGEST_STACK_NAME = len("chat-") + 32
ATTEMPT_SECONDS = 15
"""The timeout of a request to an endpoint."""
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


def test_function_names_match_those_of_chalice(resources: Json, stage: Stage) -> None:
    assert set(functions(resources)) == {function.logical_id for function in functions_of(stage)}
    handlers = {name: function["Handler"] for name, function in functions(resources).items()}
    assert handlers == {
        "APIHandler": "app.app",
        "Auth": "chalicelib.edge.http.auth",
        "WebsocketConnect": "app.connect",
        "WebsocketMessage": "app.message",
        "WebsocketDisconnect": "app.disconnect",
        "Sweep": "app.sweep",
        "Worker": "app.worker",
    } | ({"Publish": "app.publish", "Deliver": "app.deliver"} if stage.infra.events else {})


def test_functions_use_the_python_and_architecture_of_the_bundle(resources: Json, stage: Stage) -> None:
    runtime = runtime_for(stage.infra.runtime, stage.architecture)
    for function in functions(resources).values():
        assert function["Runtime"] == runtime.name
        assert function["Architectures"] == [stage.architecture]
        assert function["CodeUri"] == "./deployment.zip"


def test_memory_and_timeout_per_function(resources: Json) -> None:
    chosen = {
        name: (function["MemorySize"], function["Timeout"]) for name, function in functions(resources).items()
    }
    # Below 512 MB a function has so little CPU that signing a fan-out takes seconds.
    assert all(memory >= 512 for name, (memory, _) in chosen.items() if name not in ("Sweep", "Publish"))
    background = ("Sweep", "Worker", "Publish", "Deliver")
    assert all(seconds < GATEWAY_SECONDS for name, (_, seconds) in chosen.items() if name not in background)
    assert chosen["Sweep"][1] > app.SWEEP_SECONDS
    assert chosen["Worker"][1] >= 2 * app.JOB_SECONDS, "a page that starts at the last moment must finish"
    if "Deliver" in chosen:
        assert chosen["Deliver"][1] >= app.DELIVERY_SECONDS + 2 * ATTEMPT_SECONDS, "and so must an attempt"


def test_runtime_is_a_setting_of_the_stage(dev: Json, every: Json) -> None:
    def runtimes(template: Json) -> set[str]:
        return {item["Runtime"] for item in functions(template["Resources"]).values()}

    assert runtimes(every) == {"python3.13"}
    assert runtimes(dev) == {f"python{sys.version_info[0]}.{sys.version_info[1]}"}


def test_functions_may_continue_by_their_own_queue(cloudformation: Json, stage: Stage) -> None:
    found = of_type(cloudformation["Resources"], "AWS::Lambda::Function")
    assert {
        name: item.get("RecursiveLoop") for name, item in found.items() if "RecursiveLoop" in item
    } == dict.fromkeys(("Worker", *(["Deliver"] if stage.infra.events else [])), "Allow")


def test_reserved_concurrency_is_that_of_the_configuration(dev: Json, prod: Json, every: Json) -> None:
    def reserved(template: Json) -> Json:
        found = functions(template["Resources"]).items()
        key = "ReservedConcurrentExecutions"
        return {name: item[key] for name, item in found if key in item}

    assert reserved(every) == {"Sweep": 1}
    # A new account has 10 concurrent executions, and can reserve none of them.
    assert reserved(dev) == reserved(prod) == {}


def test_jobs_leave_most_of_a_new_accounts_concurrency_to_requests(resources: Json, stage: Stage) -> None:
    (source,) = resources["Worker"]["Properties"]["Events"].values()
    concurrency = source["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert concurrency == (20 if stage.name == "every" else 3)


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
        stream = (
            {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
            if stage.infra.events and name == "ConversationsTable"
            else {}
        )
        assert table == definition[name]["Properties"] | {"DeletionProtectionEnabled": protected} | stream
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
        if method not in ("options", ANY_METHOD) and operation.get("security") != [{"auth": []}]
    }
    assert open_routes == {("/health", "get"), ("/openapi.json", "get")}
    paths = {path: methods for path, methods in body["paths"].items() if path not in UNKNOWN_PATHS}
    assert all("options" in methods for methods in paths.values())


def test_unknown_paths_and_methods_are_answered_by_mocks(resources: Json) -> None:
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    assert set(UNKNOWN_PATHS) < set(paths)
    for path, methods in paths.items():
        integration = methods[ANY_METHOD]["x-amazon-apigateway-integration"]
        response = integration["responses"]["default"]
        status = response["statusCode"]
        assert status == ("404" if path in UNKNOWN_PATHS else "405"), path
        # Otherwise a body of another type would be passed on to the mock, which then fails.
        assert (integration["type"], integration["passthroughBehavior"]) == ("mock", "never")
        assert set(integration["requestTemplates"].values()) == {f'{{"statusCode": {status}}}'}
        assert integration["contentHandling"] == "CONVERT_TO_TEXT"
        assert "security" not in methods[ANY_METHOD]
        body = json.loads(response["responseTemplates"]["application/json"])
        assert body["request_id"] == "$context.requestId"
        declared = {
            f"method.response.header.{name}" for name in methods[ANY_METHOD]["responses"][status]["headers"]
        }
        assert declared == set(response["responseParameters"])


def test_wrong_method_names_the_methods_of_the_path(resources: Json) -> None:
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    response = paths["/conversations"][ANY_METHOD]["x-amazon-apigateway-integration"]["responses"]["default"]
    assert response["responseParameters"]["method.response.header.Allow"] == "'GET, OPTIONS, POST'"


def test_mocks_do_not_hide_the_codes_of_the_protocol() -> None:
    for name, definition in json.loads(MOCK_RESPONSES.read_text()).items():
        error = json.loads(definition["Body"])["error"]
        kind = codes()[name]
        assert (error["code"], definition["StatusCode"]) == (kind.code, kind.status)
        assert error["message"] == kind.default_message


def test_every_preflight_is_valid_for_ten_minutes(resources: Json) -> None:
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    found = [methods["options"] for methods in paths.values() if "options" in methods]
    assert len(found) > 10
    for preflight in found:
        response = preflight["x-amazon-apigateway-integration"]["responses"]["default"]
        assert response["responseParameters"]["method.response.header.Access-Control-Max-Age"] == "'600'"
        allowed = response["responseParameters"]["method.response.header.Access-Control-Allow-Headers"]
        assert "Idempotency-Key" in allowed.strip("'").split(",")


def test_definition_has_the_name_of_the_api(resources: Json, stage: Stage) -> None:
    api = resources["RestAPI"]["Properties"]
    assert api["DefinitionBody"]["info"]["title"] == api["Name"] == f"chat-{stage.name}-http"


def test_dashboard_name_is_unique_in_the_account(resources: Json) -> None:
    assert resources["Dashboard"]["Properties"]["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}


# ---- limits --------------------------------------------------------------------------------------------


def test_limits_are_shares_of_the_quota_of_the_region(dev: Json, prod: Json) -> None:
    def limits(template: Json) -> dict[str, tuple[Json, Json]]:
        http = template["Resources"]["RestAPI"]["Properties"]["MethodSettings"][0]
        sockets = template["Resources"]["WebsocketAPIStage"]["Properties"]["DefaultRouteSettings"]
        names = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
        return {kind: (item[names[0]], item[names[1]]) for kind, item in (("http", http), ("sockets", sockets))}

    def by_region(small: int, usual: int) -> Json:
        return {"Fn::If": ["HasSmallRequestQuota", small, usual]}

    assert limits(dev)["http"] == (by_region(125, 500), by_region(62, 250))
    assert limits(prod) == {
        "http": (by_region(250, 1_000), by_region(125, 500)),
        "sockets": (by_region(750, 3_000), by_region(375, 1_500)),
    }


def test_raised_quota_replaces_that_of_the_region(every: Json) -> None:
    settings = every["Resources"]["WebsocketAPIStage"]["Properties"]["DefaultRouteSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (5_000, 2_000)
    assert "HasSmallRequestQuota" not in every["Conditions"]


def test_regions_with_the_small_quota_are_those_of_the_documentation(dev: Json) -> None:
    regions = re.findall(r'"Ref": "AWS::Region"}, "([a-z0-9-]+)"', json.dumps(dev["Conditions"]))
    assert sorted(regions) == sorted(SMALL_QUOTA_REGIONS) and len(set(regions)) == 13
    assert all(len(tests["Fn::Or"]) <= 10 for tests in dev["Conditions"]["HasSmallRequestQuota"]["Fn::Or"])
    text = (ROOT / "docs" / "deployment.md").read_text()
    assert all(f"`{region}`" in text for region in regions)


# ---- names ---------------------------------------------------------------------------------------------

LONGEST_NAMES = {
    # CloudFormation shortens the names that it generates; these are given by the template or by the commands.
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
}


@pytest.mark.parametrize("kind", LONGEST_NAMES)
def test_given_names_fit_their_limits_for_the_longest_stage_name(kind: str, resources: Json) -> None:
    attribute, longest = LONGEST_NAMES[kind]
    for item in of_type(resources, kind).values():
        name = item[attribute]["Fn::Sub"]
        filled = name.replace("${AWS::StackName}", "x" * LONGEST_STACK_NAME).replace("${AWS::Region}", "x" * 14)
        assert "${" not in filled and len(filled) <= longest


def test_bucket_name_fits_its_limit() -> None:
    account = Aws(region="ap-southeast-99").account
    assert len(bucket_name("chat", account)) <= 63


def test_http_stage_is_throttled_without_execution_logs(cloudformation: Json, stage: Stage) -> None:
    (found,) = of_type(cloudformation["Resources"], "AWS::ApiGateway::Stage").values()
    settings, of_document = found["MethodSettings"]
    assert settings == {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        **limits(stage, stage.infra.http_throttle),
        "LoggingLevel": "OFF",
        "DataTraceEnabled": False,
    }
    assert of_document == {
        "HttpMethod": "GET",
        "ResourcePath": "/~1openapi.json",
        "ThrottlingRateLimit": 5,
        "ThrottlingBurstLimit": 20,
        "LoggingLevel": "OFF",
        "DataTraceEnabled": False,
    }


def test_openapi_document_is_compressed(cloudformation: Json) -> None:
    (api,) = of_type(cloudformation["Resources"], "AWS::ApiGateway::RestApi").values()
    assert api["MinimumCompressionSize"] < openapi.DOCUMENT.stat().st_size


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
        **limits(stage, stage.infra.socket_throttle),
        "DataTraceEnabled": False,
    }


def test_stage_parameter_of_the_policies_is_this_stage(template: Json, stage: Stage) -> None:
    assert set(template["Parameters"]) == {"ApiStage"} | ({"ProtectTables"} if stage.infra.production else set())
    parameter = template["Parameters"]["ApiStage"]
    assert (parameter["Default"], parameter["AllowedValues"]) == (stage.api_stage, [stage.api_stage])


# ---- logs ----------------------------------------------------------------------------------------------


def test_every_log_group_has_a_retention(resources: Json, stage: Stage) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert len(groups) == len(functions_of(stage)) + 2
    assert {group["RetentionInDays"] for group in groups.values()} == {stage.infra.log_retention_days}
    names = [group["LogGroupName"]["Fn::Sub"] for group in groups.values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith("/${AWS::StackName}/") for name in names)


def test_every_function_has_its_own_log_group(cloudformation: Json, stage: Stage) -> None:
    found = of_type(cloudformation["Resources"], "AWS::Lambda::Function")
    groups = {name: item["LoggingConfig"]["LogGroup"]["Ref"] for name, item in found.items()}
    assert groups == {function.logical_id: function.log_group for function in functions_of(stage)}


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
