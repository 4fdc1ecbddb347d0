"""Properties of the template that no linter checks: functions, tables, logs, and the whole."""

from __future__ import annotations

import json
import re
import sys

import pytest

import app
from infra.errors import InfraError
from infra.runtime import runtime_for
from infra.stage import Stage
from infra.template.compose import merge_fragments
from infra.template.names import functions_of
from tests.infra.checkouts import ROOT
from tests.infra.template_resources import GATEWAY_SECONDS, Json, functions, of_type

ATTEMPT_SECONDS = 15
"""The timeout of a request to an endpoint."""


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
