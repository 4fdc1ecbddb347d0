"""The secret of HS256 tokens, for stages that accept them: in SSM, read by the functions that verify tokens.

CloudFormation supports no `ssm-secure` reference in a function's variables, and a plain one would expose the
secret in the function's configuration. So the template contains only the parameter's name.
"""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import FUNCTIONS, Json, sub

SIDS = ("ReadTokenSecret", "ReadSecondTokenSecret")


def grant_read(template: Json, stage: Stage) -> None:
    """Allow the functions that verify tokens to read the parameters; their default key needs no permission."""
    for number, name in enumerate(stage.secret_parameters.values()):
        parameter = sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + name)
        statement = {
            "Sid": SIDS[number],
            "Effect": "Allow",
            "Action": ["ssm:GetParameter"],
            "Resource": parameter,
        }
        for function in FUNCTIONS:
            if function.verifies_tokens:
                (policy,) = template["Resources"][function.role]["Properties"]["Policies"]
                policy["PolicyDocument"]["Statement"].append(statement)
