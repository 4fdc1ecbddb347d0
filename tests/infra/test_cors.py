"""Every HTTP response, including the gateway's own, has the error format and the CORS headers."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from infra.template import http_api
from infra.template.http_api import gateway_responses, restrict_preflight
from infra.template.unmatched import ANY_METHOD
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
ORIGIN = "Access-Control-Allow-Origin"


def definition() -> Json:
    found: Json = json.loads((ROOT / "infra" / "gateway_responses.json").read_text())
    return found


def preflights(template: Json) -> list[Json]:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values()
    found = [
        path["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        for path in paths
        if "options" in path
    ]
    assert len(found) >= 10
    return found


def test_gateway_responses_equal_those_of_the_local_gateway(dev: Json) -> None:
    assert dev["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] == definition()


def test_production_gateway_responses_differ_only_in_the_origin(prod: Json) -> None:
    expected = definition()
    for item in expected.values():
        item["ResponseParameters"]["Headers"][ORIGIN] = "'https://chat.example.com'"
    assert prod["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] == expected


def test_gateway_responses_are_translated_to_openapi_extensions(cloudformation: Json) -> None:
    body = cloudformation["Resources"]["RestAPI"]["Properties"]["Body"]
    found = body["x-amazon-apigateway-gateway-responses"]
    assert set(found) == set(definition())
    statuses = {name: int(item["statusCode"]) for name, item in found.items() if "statusCode" in item}
    assert statuses["ACCESS_DENIED"] == statuses["UNAUTHORIZED"] == 401
    assert statuses["MISSING_AUTHENTICATION_TOKEN"] == 404
    for entry in found.values():
        assert f"gatewayresponse.header.{ORIGIN}" in entry["responseParameters"]
        text = entry["responseTemplates"]["application/json"].replace("$context.requestId", "1")
        assert json.loads(text)["error"]["code"]


def test_gateway_responses_does_not_modify_the_definition() -> None:
    gateway_responses(["https://a.test"])
    assert gateway_responses(["*"]) == definition()


def test_gateway_responses_use_a_wildcard_for_several_origins() -> None:
    found = gateway_responses(["https://a.test", "https://b.test"])
    assert {item["ResponseParameters"]["Headers"][ORIGIN] for item in found.values()} == {"'*'"}


def test_preflight_allows_any_origin_in_development(dev: Json) -> None:
    asked = {preflight["responseParameters"][f"method.response.header.{ORIGIN}"] for preflight in preflights(dev)}
    assert asked == {"'*'"}
    assert all("responseTemplates" not in preflight for preflight in preflights(dev))


def test_preflight_allows_one_origin_in_production(prod: Json) -> None:
    asked = {preflight["responseParameters"][f"method.response.header.{ORIGIN}"] for preflight in preflights(prod)}
    assert asked == {"'https://chat.example.com'"}


def test_preflight_returns_the_requesting_origin_of_several(dev: Json) -> None:
    template = copy.deepcopy(dev)
    restrict_preflight(template, ["https://a.test", "https://b.test"])
    for preflight in preflights(template):
        text = preflight["responseTemplates"]["application/json"]
        assert "#if($origin == 'https://a.test' || $origin == 'https://b.test')" in text
        assert f"#set($context.responseOverride.header.{ORIGIN} = $origin)" in text
        assert text.count("#if") == text.count("#end") == 2
        assert preflight["responseParameters"][f"method.response.header.{ORIGIN}"] == "'https://a.test'"


@pytest.mark.parametrize("name", ["dev", "prod", "every"])
def test_mock_responses_have_the_origin_of_the_gateway_responses(
    name: str, request: pytest.FixtureRequest
) -> None:
    template: Json = request.getfixturevalue(name)
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values()
    responses = [path[ANY_METHOD]["x-amazon-apigateway-integration"]["responses"]["default"] for path in paths]
    found = {response["responseParameters"][f"method.response.header.{ORIGIN}"] for response in responses}
    assert found == {{"dev": "'*'", "prod": "'https://chat.example.com'", "every": "'*'"}[name]}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_functions_get_the_same_origins(name: str, request: pytest.FixtureRequest) -> None:
    template: Json = request.getfixturevalue(name)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CHAT_ALLOWED_ORIGINS"] == {"dev": "*", "prod": "https://chat.example.com"}[name]


def test_local_gateway_reads_the_same_definition() -> None:
    from local.gateway.gateway_responses import DEFAULT_PATH

    assert http_api.GATEWAY_RESPONSES.resolve() == DEFAULT_PATH.resolve()
