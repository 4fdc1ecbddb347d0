"""The secret of HS256 tokens, for stages that take such tokens: in SSM, read by the functions that verify.

CloudFormation resolves no `ssm-secure` reference in a function's variables, and a plain one would put the secret
where everybody who may look at the function can read it. So the template holds the parameter's name only.
"""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import FUNCTIONS, Json, sub

SID = "ReadTokenSecret"


def grant_read(template: Json, stage: Stage) -> None:
    """Let the functions that verify tokens read that one parameter; its default key asks for no more."""
    if stage.secret_parameter is None:
        return
    parameter = sub(
        "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + stage.secret_parameter
    )
    statement = {"Sid": SID, "Effect": "Allow", "Action": ["ssm:GetParameter"], "Resource": parameter}
    for function in FUNCTIONS:
        if function.verifies_tokens:
            (policy,) = template["Resources"][function.role]["Properties"]["Policies"]
            policy["PolicyDocument"]["Statement"].append(statement)
