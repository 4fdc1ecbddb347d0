"""Every HTTP answer, API Gateway's own included, is in our shape and readable by the pages that may read it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from infra.template import http_api
from infra.template.http_api import gateway_responses, restrict_preflight
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
ORIGIN = "Access-Control-Allow-Origin"


def definition() -> Json:
    found: Json = json.loads((ROOT / "infra" / "gateway_responses.json").read_text())
    return found


def preflights(template: Json) -> list[Json]:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values()
    found = [each["options"]["x-amazon-apigateway-integration"]["responses"]["default"] for each in paths]
    assert len(found) >= 10
    return found


def test_the_gateways_own_answers_are_those_of_the_local_gateway(dev: Json) -> None:
    assert dev["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] == definition()


def test_in_production_they_are_the_same_but_for_the_origin(prod: Json) -> None:
    expected = definition()
    for each in expected.values():
        each["ResponseParameters"]["Headers"][ORIGIN] = "'https://chat.example.com'"
    assert prod["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] == expected


def test_they_reach_api_gateway_in_its_own_words(cloudformation: Json) -> None:
    body = cloudformation["Resources"]["RestAPI"]["Properties"]["Body"]
    found = body["x-amazon-apigateway-gateway-responses"]
    assert set(found) == set(definition())
    statuses = {name: int(each["statusCode"]) for name, each in found.items() if "statusCode" in each}
    assert statuses["ACCESS_DENIED"] == statuses["UNAUTHORIZED"] == 401
    assert statuses["MISSING_AUTHENTICATION_TOKEN"] == 404
    for each in found.values():
        assert f"gatewayresponse.header.{ORIGIN}" in each["responseParameters"]
        text = each["responseTemplates"]["application/json"].replace("$context.requestId", "1")
        assert json.loads(text)["error"]["code"]


def test_their_definition_is_not_changed_by_asking_for_an_origin() -> None:
    gateway_responses(["https://a.test"])
    assert gateway_responses(["*"]) == definition()


def test_of_several_origins_a_fixed_header_can_name_none() -> None:
    found = gateway_responses(["https://a.test", "https://b.test"])
    assert {each["ResponseParameters"]["Headers"][ORIGIN] for each in found.values()} == {"'*'"}


def test_any_origin_may_ask_in_development(dev: Json) -> None:
    asked = {each["responseParameters"][f"method.response.header.{ORIGIN}"] for each in preflights(dev)}
    assert asked == {"'*'"}
    assert all("responseTemplates" not in each for each in preflights(dev))


def test_one_origin_may_ask_in_production(prod: Json) -> None:
    asked = {each["responseParameters"][f"method.response.header.{ORIGIN}"] for each in preflights(prod)}
    assert asked == {"'https://chat.example.com'"}


def test_of_several_origins_the_asking_one_is_answered(dev: Json) -> None:
    template = copy.deepcopy(dev)
    restrict_preflight(template, ["https://a.test", "https://b.test"])
    for each in preflights(template):
        text = each["responseTemplates"]["application/json"]
        assert "#if($origin == 'https://a.test' || $origin == 'https://b.test')" in text
        assert f"#set($context.responseOverride.header.{ORIGIN} = $origin)" in text
        assert text.count("#if") == text.count("#end") == 2
        assert each["responseParameters"][f"method.response.header.{ORIGIN}"] == "'https://a.test'"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_functions_are_told_the_same_origins(name: str, request: pytest.FixtureRequest) -> None:
    template: Json = request.getfixturevalue(name)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CHAT_ALLOWED_ORIGINS"] == {"dev": "*", "prod": "https://chat.example.com"}[name]


def test_the_definition_is_where_the_local_gateway_reads_it() -> None:
    from local.gateway.gateway_responses import DEFAULT_PATH

    assert http_api.GATEWAY_RESPONSES.resolve() == DEFAULT_PATH.resolve()
