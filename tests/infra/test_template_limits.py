"""Limits of the template, and the lengths of its names."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext

import pytest

from chalicelib.edge import openapi
from infra.deploy.artefacts import bucket_name
from infra.errors import InfraError
from infra.regions import SMALL_QUOTA_REGIONS
from infra.stage import Stage
from infra.template.functions import check_variables
from infra.template.throttling import limits
from tests.deploy.fakes import Aws
from tests.infra.checkouts import ROOT
from tests.infra.template_resources import LONGEST_STACK_NAME, Json, of_type


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


def test_variables_that_cloudformation_fills_in_are_not_longer_than_assumed(every: Json) -> None:
    """With the longest names of stage, region and generated resources."""
    variables = every["Globals"]["Function"]["Environment"]["Variables"]
    filled = [value for value in variables.values() if not isinstance(value, str)]
    queue = len("https://sqs.ap-southeast-99.amazonaws.com/123456789012/") + 80
    table = LONGEST_STACK_NAME + len("-ConversationsTable-") + 13
    lengths = {"JobQueue": queue, "DeliveryQueue": queue, "ConversationsTable": table, "ConnectionsTable": table}
    lengths |= {"WebsocketAPI": 10, "AWS::Region": 14, "AWS::URLSuffix": len("amazonaws.com.cn")}
    size = 0
    for value in filled:
        text = value.get("Fn::Sub") or f"${{{value['Ref']}}}"
        size += len(re.sub(r"\$\{([^}]+)\}", lambda match: "x" * lengths[match[1]], text))
    assert size <= 100 * len(filled)


def test_variables_that_lambda_would_reject_are_rejected_by_the_build(every: Json) -> None:
    check_variables(every)
    endpoint = {
        "url": "https://hooks.shop.company.net/chat/events",
        "secret_parameter": "/chat/prod/webhook-secret",
        "types": ["message", "message_edited", "message_deleted", "content_expired"],
    }
    for count, is_rejected in ((5, False), (20, True)):
        template = json.loads(json.dumps(every))
        own = template["Resources"]["Deliver"]["Properties"]["Environment"]["Variables"]
        own["CHAT_ENDPOINTS"] = json.dumps([endpoint] * count)
        with pytest.raises(InfraError, match="Lambda allows 4096") if is_rejected else nullcontext():
            check_variables(template)


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
