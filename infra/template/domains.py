"""Domain names of the two APIs, in addition to the generated ones."""

from __future__ import annotations

from infra.stage import Domain, Stage
from infra.template.names import Json, ref

_TLS = "TLS_1_2"


def fragment(stage: Stage) -> Json:
    """Return the names, their mappings to the stages of the APIs, and the targets of the DNS records."""
    merged: Json = {"Resources": {}, "Outputs": {}}
    # SAM replaces the reference to the HTTP stage by the name that it generates.
    for prefix, domain, api, api_stage, scheme in (
        ("Http", stage.infra.http_domain, "RestAPI", "RestAPI.Stage", "https"),
        ("Socket", stage.infra.socket_domain, "WebsocketAPI", "WebsocketAPIStage", "wss"),
    ):
        if domain is not None:
            merged["Resources"] |= _resources(prefix, domain, api, api_stage)
            merged["Outputs"] |= _outputs(prefix, domain, scheme)
    return {part: content for part, content in merged.items() if content}


def _resources(prefix: str, domain: Domain, api: str, api_stage: str) -> Json:
    configuration = {
        "CertificateArn": domain.certificate_arn,
        "EndpointType": "REGIONAL",
        "SecurityPolicy": _TLS,
    }
    return {
        f"{prefix}Domain": {
            "Type": "AWS::ApiGatewayV2::DomainName",
            "Properties": {"DomainName": domain.name, "DomainNameConfigurations": [configuration]},
        },
        f"{prefix}DomainMapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {"ApiId": ref(api), "DomainName": ref(f"{prefix}Domain"), "Stage": ref(api_stage)},
        },
    }


def _outputs(prefix: str, domain: Domain, scheme: str) -> Json:
    def attribute(name: str) -> Json:
        return {"Fn::GetAtt": [f"{prefix}Domain", name]}

    return {
        f"{prefix}DomainUrl": {"Description": "URL for clients", "Value": f"{scheme}://{domain.name}"},
        f"{prefix}DomainTarget": {
            "Description": f"Target of the DNS record of {domain.name}",
            "Value": attribute("RegionalDomainName"),
        },
        f"{prefix}DomainZone": {
            "Description": f"Hosted zone of the target, for an alias record of {domain.name} in Route 53",
            "Value": attribute("RegionalHostedZoneId"),
        },
    }
