"""The web page of a stage: an option, with the headers of the local page, for exactly the stage's own origins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.build import built_page
from infra.errors import InfraError
from infra.stage import InfraSettings, Stage
from infra.template import web
from infra.web.settings import WebSettings
from tests.infra.every_option import SETTINGS
from tests.infra.template_resources import LONGEST_STACK_NAME

Json = dict[str, Any]
PAGE = SETTINGS["infra"]["web"]
LONGEST_CLOUDFRONT_NAME = 64
"""Of an origin access control; 128 of a policy for response headers (CloudFront API reference)."""
WITHOUT_DOMAINS = InfraSettings(web=WebSettings.model_validate({**PAGE, "domain": None}))


def headers(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]["ResponseHeadersPolicyConfig"]
    return found


def policy_of(configuration: Json) -> str:
    value = configuration["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    return str(value["Fn::Sub"] if isinstance(value, dict) else value)


def test_stage_without_a_page_has_no_cloudfront(dev: Json, prod: Json) -> None:
    for template in (dev, prod):
        assert not any("CloudFront" in resource["Type"] for resource in template["Resources"].values())
        assert "WebUrl" not in template["Outputs"]


def test_page_may_contact_its_stage_and_its_identity_provider_only(every: Json) -> None:
    for name in ("WebPageHeaders", "WebComponentHeaders"):
        policy = policy_of(headers(every, name))
        assert "connect-src 'self' https://api.chat.test https://id.test wss://socket.chat.test;" in policy
        assert "img-src 'self' data: https://images.test;" in policy
        assert "unsafe" not in policy


def test_page_of_a_stage_without_domains_contacts_the_generated_names(stage: Stage) -> None:
    found = web.fragment(replace(stage, infra=WITHOUT_DOMAINS))
    generated = "execute-api.${AWS::Region}.${AWS::URLSuffix}"
    policy = policy_of(headers(found, "WebPageHeaders"))
    assert f"https://${{RestAPI}}.{generated} " in policy
    assert f"wss://${{WebsocketAPI}}.{generated};" in policy
    assert found["Outputs"]["WebUrl"]["Value"] == {"Fn::Sub": "https://${WebDistribution.DomainName}/"}
    assert "Aliases" not in found["Resources"]["WebDistribution"]["Properties"]["DistributionConfig"]


def test_only_the_component_is_shared_with_other_origins(every: Json) -> None:
    page, component = headers(every, "WebPageHeaders"), headers(every, "WebComponentHeaders")
    assert "CorsConfig" not in page
    assert component["CorsConfig"]["AccessControlAllowOrigins"] == {"Items": ["*"]}
    assert component["CorsConfig"]["AccessControlAllowCredentials"] is False
    configuration = every["Resources"]["WebDistribution"]["Properties"]["DistributionConfig"]
    assert configuration["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == {"Ref": "WebPageHeaders"}
    shared = {item["PathPattern"]: item["ResponseHeadersPolicyId"] for item in configuration["CacheBehaviors"]}
    assert {path: item["Ref"] for path, item in shared.items()} == dict.fromkeys(
        ("assets/*", "serverless-chat.js"), "WebComponentHeaders"
    )


def test_names_are_unique_in_the_account_for_one_stage_in_two_regions(every: Json) -> None:
    names = {"WebAccess": "OriginAccessControlConfig"} | dict.fromkeys(
        ("WebPageHeaders", "WebComponentHeaders"), "ResponseHeadersPolicyConfig"
    )
    given = {name: every["Resources"][name]["Properties"][key]["Name"]["Fn::Sub"] for name, key in names.items()}
    assert len(set(given.values())) == len(given)
    for name in given.values():
        assert "${AWS::StackName}" in name and "${AWS::Region}" in name
        filled = name.replace("${AWS::StackName}", "x" * LONGEST_STACK_NAME).replace("${AWS::Region}", "x" * 14)
        assert len(filled) <= LONGEST_CLOUDFRONT_NAME


def test_page_is_served_by_https_from_the_private_bucket_only(every: Json) -> None:
    configuration = every["Resources"]["WebDistribution"]["Properties"]["DistributionConfig"]
    behaviors = [configuration["DefaultCacheBehavior"], *configuration["CacheBehaviors"]]
    assert {behavior["ViewerProtocolPolicy"] for behavior in behaviors} == {"redirect-to-https"}
    (origin,) = configuration["Origins"]
    assert origin["OriginPath"] == "/chat-every/web"
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["WebAccess", "Id"]}
    assert configuration["Aliases"] == ["a.test"]
    assert configuration["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"domain": {**PAGE["domain"], "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/a"}},
            "pattern",
        ),
        ({"identity": {**PAGE["identity"], "token_endpoint": "http://id.test/token"}}, "pattern"),
        ({"image_origins": ["https://images.test; script-src *"]}, "pattern"),
        ({"image_origins": ["*"]}, "pattern"),
        ({"domain": {**PAGE["domain"], "name": "chat.test"}}, "allowed_origins must contain https://chat.test"),
    ],
    ids=["certificate elsewhere", "no TLS", "injected directive", "any image", "origin not allowed"],
)
def test_invalid_setting_is_rejected(change: Json, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        InfraSettings.model_validate({**SETTINGS["infra"], "web": {**PAGE, **change}})


def test_package_of_a_stage_with_a_page_needs_the_built_page(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="make setup builds it"):
        built_page(tmp_path)
