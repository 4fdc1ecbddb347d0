"""Properties of both APIs in the template that no linter checks."""

from __future__ import annotations

import json
import re

from infra.stage import Stage
from infra.template.throttling import limits
from infra.template.unmatched import ANY_METHOD, MOCK_RESPONSES
from specs.error_codes import codes
from tests.infra.template_resources import UNKNOWN_PATHS, Json, of_type


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
