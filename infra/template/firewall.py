"""The association of the HTTP API with a web ACL of WAF. WAF does not support WebSocket APIs."""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import Json, sub


def fragment(stage: Stage) -> Json:
    """Return the association, if the stage has a web ACL."""
    if not stage.infra.web_acl_arn:
        return {}
    # SAM replaces the reference to the stage by the name that it generates, which also makes WAF wait for it.
    api_stage = "/restapis/${RestAPI}/stages/${RestAPI.Stage}"
    association = {
        "Type": "AWS::WAFv2::WebACLAssociation",
        "Properties": {
            "ResourceArn": sub("arn:${AWS::Partition}:apigateway:${AWS::Region}::" + api_stage),
            "WebACLArn": stage.infra.web_acl_arn,
        },
    }
    return {"Resources": {"WebAclAssociation": association}}
