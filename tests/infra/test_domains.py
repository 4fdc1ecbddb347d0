"""Custom domain names and the web ACL: options of a stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from infra.stage import Domain, InfraSettings, Stage
from infra.template import domains, firewall
from tests.infra.judge import Verdict, judge

Json = dict[str, Any]
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/a1b2"
HTTP, SOCKET = (Domain(name=f"{name}.chat.test", certificate_arn=CERTIFICATE) for name in ("api", "socket"))


@pytest.fixture(scope="session")
def translated(every: Json, shared: Any) -> Json:
    verdict: Verdict = judge(every, shared / "verdicts")
    found: Json = verdict.translation
    return found


def with_domains(stage: Stage, **settings: Any) -> Stage:
    return replace(stage, infra=stage.infra.model_copy(update=settings))


def test_stage_without_domains_and_firewall_has_none(dev: Json, prod: Json) -> None:
    for template in (dev, prod):
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert not kinds & {"AWS::ApiGatewayV2::DomainName", "AWS::WAFv2::WebACLAssociation"}
        assert not any("Domain" in name for name in template["Outputs"])


def test_each_api_is_mapped_to_its_name_as_a_whole(translated: Json) -> None:
    resources = translated["Resources"]
    (http_stage,) = (name for name, item in resources.items() if item["Type"] == "AWS::ApiGateway::Stage")
    for prefix, name, api, stage in (
        ("Http", "api.chat.test", "RestAPI", http_stage),
        ("Socket", "socket.chat.test", "WebsocketAPI", "WebsocketAPIStage"),
    ):
        (configuration,) = resources[f"{prefix}Domain"]["Properties"]["DomainNameConfigurations"]
        assert (configuration["EndpointType"], configuration["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
        assert resources[f"{prefix}Domain"]["Properties"]["DomainName"] == name
        # Without a key, so that the URL has no path: it must not change with the name of the stage.
        assert resources[f"{prefix}DomainMapping"]["Properties"] == {
            "ApiId": {"Ref": api},
            "DomainName": {"Ref": f"{prefix}Domain"},
            "Stage": {"Ref": stage},
        }


def test_outputs_have_the_urls_and_the_targets_of_dns(every: Json) -> None:
    outputs = {name: output["Value"] for name, output in every["Outputs"].items()}
    assert outputs["HttpDomainUrl"] == "https://api.chat.test"
    assert outputs["SocketDomainUrl"] == "wss://socket.chat.test"
    for prefix in ("Http", "Socket"):
        assert outputs[f"{prefix}DomainTarget"] == {"Fn::GetAtt": [f"{prefix}Domain", "RegionalDomainName"]}
        assert outputs[f"{prefix}DomainZone"] == {"Fn::GetAtt": [f"{prefix}Domain", "RegionalHostedZoneId"]}


def test_callback_url_is_that_of_the_api_and_not_of_the_domain(every: Json) -> None:
    variables = every["Globals"]["Function"]["Environment"]["Variables"]
    url = "https://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1"
    assert variables["CHAT_MANAGEMENT_ENDPOINT"] == {"Fn::Sub": url}


def test_one_domain_is_enough(stage: Stage) -> None:
    found = domains.fragment(with_domains(stage, http_domain=HTTP, socket_domain=None))
    assert set(found["Resources"]) == {"HttpDomain", "HttpDomainMapping"}


def test_firewall_protects_the_stage_of_the_http_api(translated: Json) -> None:
    found = translated["Resources"]["WebAclAssociation"]["Properties"]
    stage = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/${RestAPIv1Stage}"
    assert found["ResourceArn"] == {"Fn::Sub": stage}
    assert found["WebACLArn"].endswith(":regional/webacl/chat/a1b2-c3")


def test_stage_without_a_web_acl_has_no_association(stage: Stage) -> None:
    assert firewall.fragment(with_domains(stage, web_acl_arn="")) == {}


@pytest.mark.parametrize(
    "settings",
    [
        {"http_domain": {"name": "https://api.chat.test", "certificate_arn": CERTIFICATE}},
        {"http_domain": {"name": "api.chat.test", "certificate_arn": "a certificate"}},
        {"http_domain": HTTP, "socket_domain": HTTP},
        {"web_acl_arn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/cloudfront/a1b2"},
    ],
    ids=["a URL", "no ARN", "one name for both", "a web ACL for CloudFront"],
)
def test_invalid_option_is_rejected(settings: Json) -> None:
    with pytest.raises(ValidationError):
        InfraSettings.model_validate(settings)
