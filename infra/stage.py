"""The settings of one stage, from `.chalice/config.json`.

What Chalice knows (memory, timeouts, concurrency, variables of the functions) it reads there itself. What it does
not know stands beside that in the stage's `infra` object, of which `InfraSettings` is the list.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from infra.errors import InfraError
from infra.runtime import Architecture

CONFIG = Path(".chalice") / "config.json"
SECRET_PARAMETER = "CHAT_JWT_SECRET_PARAMETER"  # noqa: S105 — the name of a setting
# What the template works out by itself; a value in the configuration would be lost or would break the stage.
TEMPLATE_VARIABLES = (
    "CHAT_CONVERSATIONS_TABLE",
    "CHAT_CONNECTIONS_TABLE",
    "CHAT_MANAGEMENT_ENDPOINT",
    "CHAT_ALLOWED_ORIGINS",
    "CHAT_STAGE",
    "CHAT_VERSION",
)
RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827]
"""The retentions that CloudWatch Logs offers, up to five years."""
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.-]+(:[0-9]+)?")
_EXAMPLE = re.compile(r"\bexample\.(com|org|net)\b")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Throttle(_Settings):
    """How much of API Gateway's account-wide rate a stage may use."""

    rate: int = Field(ge=1)
    """Requests a second, over time."""
    burst: int = Field(ge=1)
    """Requests at the same moment."""


class Alarms(_Settings):
    """What the stage's alarms look for, and whom they tell."""

    email: str = ""
    """Subscribed to the alarms' topic; the address has to confirm. Empty: subscribe whatever you like by hand."""
    latency_p99_ms: int = Field(default=3_000, ge=1)
    """How long one of a hundred requests may take, in milliseconds."""


class InfraSettings(_Settings):
    """What a stage's `infra` object may hold."""

    production: bool = False
    """The tables cannot be deleted, and stay when the stack goes."""
    allowed_origins: list[str] = Field(default=["*"], min_length=1)
    """Origins of web pages that may read HTTP answers: `*`, or one or several like `https://chat.example.com`."""
    log_retention_days: RetentionDays = 14
    http_throttle: Throttle = Throttle(rate=200, burst=400)
    socket_throttle: Throttle = Throttle(rate=500, burst=1_000)
    account_log_role: bool = True
    """Let API Gateway write access logs: a role for the whole account and region, which it has once. Turn it off
    if somebody else looks after that role."""
    alarms: Alarms = Alarms()

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin: scheme, host and port only, in lower case")
        if "*" in origins and len(origins) > 1:
            raise ValueError("'*' allows every origin and stands alone")
        return origins


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that can be deployed."""

    name: str
    app: str
    api_stage: str
    """The last part of both URLs."""
    architecture: Architecture
    environment: dict[str, str]
    """Variables that the configuration gives to all functions."""
    infra: InfraSettings

    @property
    def full_name(self) -> str:
        """The stage's name among those of other applications, as in `chat-dev`."""
        return f"{self.app}-{self.name}"

    @property
    def secret_parameter(self) -> str | None:
        """The SSM parameter that holds the secret of HS256 tokens, if the stage takes such tokens."""
        return self.environment.get(SECRET_PARAMETER)

    def placeholder_settings(self) -> list[str]:
        """The settings that still name an example (RFC 2606): such a stage can be built, but not used."""
        names = sorted(name for name, value in self.environment.items() if _EXAMPLE.search(value))
        if any(_EXAMPLE.search(each) for each in self.infra.allowed_origins):
            names.append("infra.allowed_origins")
        return names


def read_stage(root: Path, name: str) -> Stage:
    """A stage of the project at `root`. Raises InfraError."""
    path = root / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InfraError(f"{path} cannot be read: {error}") from error
    stages = config.get("stages", {})
    deployable = sorted(each for each, settings in stages.items() if "infra" in settings)
    if name not in deployable:
        raise InfraError(
            f"{CONFIG} has no stage {name!r} that can be deployed; there are: {', '.join(deployable)}"
        )
    settings = stages[name]
    environment = {**config.get("environment_variables", {}), **settings.get("environment_variables", {})}
    _check_environment(name, environment)
    return Stage(
        name=name,
        app=config["app_name"],
        api_stage=_api_stage(name, settings),
        architecture=_architecture(name, settings.get("lambda_architecture", config.get("lambda_architecture"))),
        environment=environment,
        infra=_infra(name, settings["infra"]),
    )


def _api_stage(name: str, settings: dict[str, Any]) -> str:
    value = settings.get("api_gateway_stage")
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise InfraError(f"{CONFIG}: stage {name} needs api_gateway_stage, the last part of its URLs")
    return value


def _architecture(name: str, value: object) -> Architecture:
    if value == "arm64" or value == "x86_64":  # noqa: PLR1714 — mypy narrows this form only
        return value
    raise InfraError(f"{CONFIG}: lambda_architecture of stage {name} must be arm64 or x86_64, not {value!r}")


def _infra(name: str, value: object) -> InfraSettings:
    try:
        return InfraSettings.model_validate(value)
    except ValidationError as error:
        problems = [f"    {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise InfraError("\n".join([f"{CONFIG}: infra of stage {name}:", *problems])) from error


def _check_environment(name: str, environment: dict[str, str]) -> None:
    context = f"{CONFIG}: environment_variables of stage {name}"
    if "CHAT_JWT_SECRET" in environment:
        raise InfraError(
            f"{context} hold CHAT_JWT_SECRET, which everybody who may look at the function could read."
            f" Put it into an SSM parameter and its name into {SECRET_PARAMETER}"
        )
    if reserved := [each for each in TEMPLATE_VARIABLES if each in environment]:
        raise InfraError(f"{context} hold {', '.join(reserved)}, which the template sets by itself: take it out")
    if not environment.get("CHAT_JWKS_URL") and not environment.get(SECRET_PARAMETER):
        raise InfraError(f"{context} let nobody sign in: set CHAT_JWKS_URL, or {SECRET_PARAMETER} for a trial")
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", environment.get(SECRET_PARAMETER, "/unused")):
        raise InfraError(
            f"{context}: {SECRET_PARAMETER} must be the full name of a parameter, as /chat/{name}/secret"
        )
