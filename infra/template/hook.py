"""The permission to ask the hook of a stage that has one (`CHAT_HOOK`): a Lambda function of the product."""

from __future__ import annotations

from infra.hook import hook_of
from infra.stage import Stage
from infra.template.names import FUNCTIONS, Json, sub

SID = "AskHook"
_FUNCTIONS = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"


def grant_invoke(template: Json, stage: Stage) -> None:
    """Allow the functions in which participants act to invoke the hook."""
    hook = hook_of(stage.environment)
    if hook is None:
        return
    function_arn = hook if hook.startswith("arn:") else sub(_FUNCTIONS + hook)
    statement = {
        "Sid": SID,
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": function_arn,
    }
    for function in FUNCTIONS:
        if function.asks_hook:
            (policy,) = template["Resources"][function.role]["Properties"]["Policies"]
            policy["PolicyDocument"]["Statement"].append(statement)
