"""The web page of a stage: CloudFront in front of the files in the artefact bucket, with the security headers.

The bucket belongs to no stack. A deployment names it in the template that it uploads, and lets CloudFront read the
files of pages (`infra.deploy.page`).
"""

from __future__ import annotations

from typing import Any

from infra.stage import Stage
from infra.template.names import Json, ref, sub
from infra.web.headers import ASSETS, COMPONENT, content_security_policy, security_headers, sharing_headers
from infra.web.settings import WebDomain, WebSettings

# CloudFront Developer Guide, "Managed cache policies": CachingOptimized keeps to the Cache-Control of each object.
_CACHE_POLICY = "658327ea-f89d-4fab-a63d-7e88639e58f6"
_YEAR = 31_536_000
_ORIGIN_ID = "bucket"
BUCKET = "ARTEFACT-BUCKET"
"""Stands for the name of the bucket, which depends on account and region, until a build is uploaded."""
PAGE = "web"
"""The folder of the page's files below that of the stage."""
_MANAGED = {"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Access-Control-Allow-Origin"}
"""Headers that CloudFront has own properties for."""


def fragment(stage: Stage) -> Json:
    """Return the resources of the page, or nothing for a stage without one."""
    web = stage.infra.web
    if web is None:
        return {}
    outputs = {
        "WebUrl": ("URL of the web page", _sub(f"https://{host(web)}/")),
        "WebDomainTarget": ("Target of the DNS record of the page's domain", _domain_of_distribution()),
    }
    return {
        "Resources": {
            "WebAccess": _access(),
            "WebPageHeaders": _headers(stage, web, "page", "index.html"),
            "WebComponentHeaders": _headers(stage, web, "component", COMPONENT),
            "WebDistribution": _distribution(stage, web.domain),
        },
        "Outputs": {name: {"Description": text, "Value": value} for name, (text, value) in outputs.items()},
    }


def host(web: WebSettings) -> str:
    """Return the host of the page, for `Fn::Sub`."""
    return web.domain.name if web.domain else "${WebDistribution.DomainName}"


def api_urls(stage: Stage) -> tuple[str, str]:
    """Return the URLs of the HTTP API and the WebSocket API that the page uses, for `Fn::Sub`."""
    generated = f"execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
    http, socket = stage.infra.http_domain, stage.infra.socket_domain
    return (
        f"https://{http.name}" if http else f"https://${{RestAPI}}.{generated}",
        f"wss://{socket.name}" if socket else f"wss://${{WebsocketAPI}}.{generated}",
    )


def _access() -> Json:
    configuration = {
        "Name": _global_name("web"),
        "OriginAccessControlOriginType": "s3",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
    return {
        "Type": "AWS::CloudFront::OriginAccessControl",
        "Properties": {"OriginAccessControlConfig": configuration},
    }


def _headers(stage: Stage, web: WebSettings, name: str, path: str) -> Json:
    """Return the headers of the files that are shared like `path`."""
    policy = content_security_policy([*api_urls(stage), web.identity.token_endpoint], web.image_origins)
    headers = security_headers(policy) | sharing_headers(path)
    configuration: Json = {
        "Name": _global_name(name),
        "SecurityHeadersConfig": {
            "ContentSecurityPolicy": {"ContentSecurityPolicy": _sub(policy), "Override": True},
            "ContentTypeOptions": {"Override": True},
            "ReferrerPolicy": {"ReferrerPolicy": headers["Referrer-Policy"], "Override": True},
            "StrictTransportSecurity": {"AccessControlMaxAgeSec": _YEAR, "Override": True},
        },
        "CustomHeadersConfig": {
            "Items": [
                {"Header": header, "Value": value, "Override": True}
                for header, value in headers.items()
                if header not in _MANAGED
            ]
        },
    }
    if allowed := headers.get("Access-Control-Allow-Origin"):
        configuration["CorsConfig"] = {
            "AccessControlAllowCredentials": False,
            "AccessControlAllowHeaders": {"Items": ["*"]},
            "AccessControlAllowMethods": {"Items": ["GET", "HEAD"]},
            "AccessControlAllowOrigins": {"Items": [allowed]},
            "OriginOverride": True,
        }
    return {
        "Type": "AWS::CloudFront::ResponseHeadersPolicy",
        "Properties": {"ResponseHeadersPolicyConfig": configuration},
    }


def _distribution(stage: Stage, domain: WebDomain | None) -> Json:
    component = [
        {"PathPattern": pattern, **_behavior("WebComponentHeaders")} for pattern in (f"{ASSETS}/*", COMPONENT)
    ]
    origin = {
        "Id": _ORIGIN_ID,
        "DomainName": sub(f"{BUCKET}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}"),
        "OriginPath": f"/{stage.full_name}/{PAGE}",
        "OriginAccessControlId": {"Fn::GetAtt": ["WebAccess", "Id"]},
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    configuration: Json = {
        "Comment": f"The web page of {stage.full_name}",
        "Enabled": True,
        "DefaultRootObject": "index.html",
        "DefaultCacheBehavior": _behavior("WebPageHeaders"),
        "CacheBehaviors": component,
        "HttpVersion": "http2and3",
        "IPV6Enabled": True,
        "Origins": [origin],
    }
    if domain is not None:
        configuration["Aliases"] = [domain.name]
        configuration["ViewerCertificate"] = {
            "AcmCertificateArn": domain.certificate_arn,
            "MinimumProtocolVersion": "TLSv1.2_2021",
            "SslSupportMethod": "sni-only",
        }
    return {
        "Type": "AWS::CloudFront::Distribution",
        "Properties": {"DistributionConfig": configuration},
    }


def _behavior(headers: str) -> dict[str, Any]:
    return {
        "CachePolicyId": _CACHE_POLICY,
        "Compress": True,
        "ResponseHeadersPolicyId": ref(headers),
        "TargetOriginId": _ORIGIN_ID,
        "ViewerProtocolPolicy": "redirect-to-https",
    }


def _global_name(name: str) -> Json:
    """Return the name of a resource of CloudFront, whose names are unique in an account, not in a region."""
    return sub(f"${{AWS::StackName}}-${{AWS::Region}}-{name}")


def _sub(text: str) -> Json | str:
    """Return a text in which CloudFront replaces `${…}`, if there is one."""
    return sub(text) if "${" in text else text


def _domain_of_distribution() -> Json:
    return {"Fn::GetAtt": ["WebDistribution", "DomainName"]}
