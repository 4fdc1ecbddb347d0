"""The functions and the logical ids of their resources in the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.stage import Stage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function: its short name, and the logical ids that Chalice generates."""

    name: str
    logical_id: str
    role: str
    verifies_tokens: bool = False
    asks_hook: bool = False
    user_facing: bool = False
    """Whether users wait for it, so that its latency is monitored."""
    on_dashboard: bool = True
    """A dashboard is free up to 50 metrics (CloudWatch pricing); rarely used functions only have alarms."""

    @property
    def log_group(self) -> str:
        """The logical id of its log group, which the policy files in `.chalice/` use too."""
        return f"{self.name.capitalize()}LogGroup"


FUNCTIONS = (
    DeployedFunction("api", "APIHandler", "ApiHandlerRole", asks_hook=True, user_facing=True),
    DeployedFunction("auth", "Auth", "AuthRole", verifies_tokens=True, user_facing=True),
    DeployedFunction(
        "connect", "WebsocketConnect", "WebsocketConnectRole", verifies_tokens=True, user_facing=True
    ),
    DeployedFunction(
        "message",
        "WebsocketMessage",
        "WebsocketMessageRole",
        verifies_tokens=True,
        asks_hook=True,
        user_facing=True,
    ),
    DeployedFunction("disconnect", "WebsocketDisconnect", "WebsocketDisconnectRole"),
    DeployedFunction("sweep", "Sweep", "SweepRole"),
    DeployedFunction("worker", "Worker", "WorkerRole", on_dashboard=False),
)

EVENT_FUNCTIONS = (
    DeployedFunction("publish", "Publish", "PublishRole", on_dashboard=False),
    DeployedFunction("deliver", "Deliver", "DeliverRole", on_dashboard=False),
)
"""The functions that only stages with the setting `events` have."""
ALL_FUNCTIONS = FUNCTIONS + EVENT_FUNCTIONS


def functions_of(stage: Stage) -> tuple[DeployedFunction, ...]:
    """Return the functions of a stage."""
    return FUNCTIONS if stage.infra.events is None else ALL_FUNCTIONS


def boundary(stage: Stage) -> Json:
    """Return the properties that limit a role by the stage's permissions boundary, if it has one."""
    name = stage.infra.permissions_boundary
    if not name:
        return {}
    return {"PermissionsBoundary": sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}")}


def ref(logical_id: str) -> Json:
    """Return a `Ref` of CloudFormation."""
    return {"Ref": logical_id}


def arn(logical_id: str) -> Json:
    """Return the ARN of a resource."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def sub(text: str) -> Json:
    """Return a text in which CloudFormation replaces `${…}`."""
    return {"Fn::Sub": text}
