"""The functions, and what each one's resources are called in the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function: its short name, and its logical ids as Chalice gives them."""

    name: str
    logical_id: str
    role: str
    verifies_tokens: bool = False
    user_facing: bool = False
    """Somebody waits for it, so that its latency counts."""
    on_dashboard: bool = True
    """A dashboard is free with up to 50 metrics (CloudWatch pricing); what seldom runs has its alarms."""

    @property
    def log_group(self) -> str:
        """The logical id of its log group; the policy files in `.chalice/` say it, too."""
        return f"{self.name.capitalize()}LogGroup"


FUNCTIONS = (
    DeployedFunction("api", "APIHandler", "ApiHandlerRole", user_facing=True),
    DeployedFunction("auth", "Auth", "AuthRole", verifies_tokens=True, user_facing=True),
    DeployedFunction(
        "connect", "WebsocketConnect", "WebsocketConnectRole", verifies_tokens=True, user_facing=True
    ),
    DeployedFunction(
        "message", "WebsocketMessage", "WebsocketMessageRole", verifies_tokens=True, user_facing=True
    ),
    DeployedFunction("disconnect", "WebsocketDisconnect", "WebsocketDisconnectRole"),
    DeployedFunction("sweep", "Sweep", "SweepRole"),
    DeployedFunction("worker", "Worker", "WorkerRole", on_dashboard=False),
)


def ref(logical_id: str) -> Json:
    """CloudFormation's `Ref`."""
    return {"Ref": logical_id}


def arn(logical_id: str) -> Json:
    """The ARN of a resource."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def sub(text: str) -> Json:
    """A text in which CloudFormation fills in `${…}`."""
    return {"Fn::Sub": text}
