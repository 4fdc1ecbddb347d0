"""The settings of one stage, from `.chalice/config.json`.

Chalice reads its own settings there (memory, timeouts, concurrency, variables of the functions). All others are
in the stage's `infra` object, defined by `InfraSettings`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from chalicelib.core.model.publishing import Endpoint
from infra.environment import ISSUERS, check_environment, configured_endpoints
from infra.errors import InfraError
from infra.events import EventsSetting
from infra.runtime import Architecture, RuntimeName
from infra.web.settings import WebSettings

CONFIG = Path(".chalice") / "config.json"
RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827]
"""The retention periods of CloudWatch Logs, up to five years."""
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.-]+(:[0-9]+)?")
_EXAMPLE = re.compile(r"\bexample\.(com|org|net)\b")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Throttle(_Settings):
    """The limit of an API."""

    share: float = Field(gt=0, le=1)
    """The share of the account's request quota, for both the sustained rate and the burst."""


class AccountQuota(_Settings):
    """The account's quota of requests to API Gateway, where it differs from the region's default."""

    rate: int = Field(ge=1)
    """Sustained requests per second."""
    burst: int = Field(ge=1)
    """Maximum burst of requests."""


class Alarms(_Settings):
    """The settings of the stage's alarms."""

    email: str = ""
    """Subscribed to the alarms' topic; the address must confirm. Empty: no subscription."""
    latency_p99_ms: int = Field(default=3_000, ge=1)
    """The limit for the 99th percentile of latency, in milliseconds."""


class Domain(_Settings):
    """A domain name of an API, in addition to the generated one."""

    name: str = Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")
    certificate_arn: str = Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[a-zA-Z0-9-]+$")
    """The certificate of the name, in AWS Certificate Manager in the region of the stage."""


class InfraSettings(_Settings):
    """The settings of a stage's `infra` object."""

    production: bool = False
    """Whether the tables are protected against deletion, and retained when the stack is deleted."""
    allowed_origins: list[str] = Field(default=["*"], min_length=1)
    """Origins of web pages that may read HTTP responses: `*`, or some like `https://chat.example.com`."""
    runtime: RuntimeName | None = None
    """The runtime of the functions. None: the version of the Python that builds."""
    log_retention_days: RetentionDays = 14
    http_throttle: Throttle = Throttle(share=0.05)
    socket_throttle: Throttle = Throttle(share=0.1)
    http_domain: Domain | None = None
    socket_domain: Domain | None = None
    """Another name than that of the HTTP API: API Gateway cannot serve both under one name."""
    web_acl_arn: str = Field(
        default="", pattern=r"^(arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/[\w-]+/[0-9a-f-]+)?$"
    )
    """The WAF web ACL of the HTTP API. Empty: none. WAF does not support WebSocket APIs."""
    job_concurrency: int = Field(default=3, ge=2, le=1_000)
    """The maximum of concurrent background jobs. A new account has 10 concurrent executions, most of which user
    requests need."""
    request_quota: AccountQuota | None = None
    """The account's quota, if it was raised. None: the default of the region."""
    permissions_boundary: str = Field(default="chat-boundary", pattern=r"^[\w+=,.@-]{0,128}$")
    """The name of the managed policy that limits all roles of the stage. Empty: none."""
    account_log_role: bool = True
    """Whether to create the role with which API Gateway writes access logs. There is one per account and region:
    turn it off if it is managed elsewhere."""
    alarms: Alarms = Alarms()
    web: WebSettings | None = None
    """The web page. None: the stage has none."""
    events: EventsSetting = None
    """Whether and how events leave the deployment. None: they do not."""

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin: scheme, host and port only, in lower case")
        if "*" in origins and len(origins) > 1:
            raise ValueError("'*' allows every origin and must be the only entry")
        return origins

    @model_validator(mode="after")
    def _has_different_domains(self) -> InfraSettings:
        if self.http_domain and self.socket_domain and self.http_domain.name == self.socket_domain.name:
            raise ValueError("http_domain and socket_domain must have different names")
        return self

    @model_validator(mode="after")
    def _admits_its_page(self) -> InfraSettings:
        if self.web and self.web.domain and "*" not in self.allowed_origins:
            origin = f"https://{self.web.domain.name}"
            if origin not in self.allowed_origins:
                raise ValueError(f"allowed_origins must contain {origin}, the origin of the web page")
        return self


@dataclass(frozen=True, slots=True)
class Stage:
    """A deployable stage."""

    name: str
    app: str
    api_stage: str
    """The stage name of both APIs, with which their URLs end."""
    architecture: Architecture
    environment: dict[str, str]
    """The variables of all functions from the configuration."""
    infra: InfraSettings

    @property
    def full_name(self) -> str:
        """The stage's name with the application's, such as `chat-dev`."""
        return f"{self.app}-{self.name}"

    @property
    def secret_parameters(self) -> dict[str, str]:
        """The SSM parameters with secrets of HS256 tokens, by the prefix of the variables of their issuer.

        The first one signs tokens for trying out the stage.
        """
        named = {prefix: self.environment.get(f"{prefix}JWT_SECRET_PARAMETER") for prefix in ISSUERS}
        return {prefix: name for prefix, name in named.items() if name}

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints of published events from the configuration."""
        return configured_endpoints(self.environment)

    def placeholder_settings(self) -> list[str]:
        """Return the settings that still have example values (RFC 2606), which must be replaced to deploy."""
        names = sorted(name for name, value in self.environment.items() if _EXAMPLE.search(value))
        if any(_EXAMPLE.search(origin) for origin in self.infra.allowed_origins):
            names.append("infra.allowed_origins")
        return names


def read_stage(root: Path, name: str) -> Stage:
    """Read a stage of the project at `root`. Raises InfraError."""
    path = root / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InfraError(f"{path} cannot be read: {error}") from error
    stages = config.get("stages", {})
    deployable = sorted(stage for stage, settings in stages.items() if "infra" in settings)
    if name not in deployable:
        raise InfraError(f"{CONFIG} has no deployable stage {name!r}; deployable are: {', '.join(deployable)}")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,32}", name):
        raise InfraError(
            f"{CONFIG}: the stage {name!r} needs a name of up to 32 letters, digits and hyphens, as it becomes a"
            " part of the names of its resources"
        )
    settings = stages[name]
    environment = {**config.get("environment_variables", {}), **settings.get("environment_variables", {})}
    infra = _infra(name, settings["infra"])
    context = f"{CONFIG}: environment_variables of stage {name}"
    check_environment(context, name, environment, events=infra.events is not None)
    return Stage(
        name=name,
        app=config["app_name"],
        api_stage=_api_stage(name, settings),
        architecture=_architecture(name, settings.get("lambda_architecture", config.get("lambda_architecture"))),
        environment=environment,
        infra=infra,
    )


def _api_stage(name: str, settings: dict[str, Any]) -> str:
    value = settings.get("api_gateway_stage")
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise InfraError(f"{CONFIG}: stage {name} needs api_gateway_stage, with which its URLs end")
    return value


def _architecture(name: str, value: object) -> Architecture:
    if value == "arm64" or value == "x86_64":  # noqa: PLR1714 — mypy narrows this form only
        return value
    raise InfraError(f"{CONFIG}: lambda_architecture of stage {name} must be arm64 or x86_64, not {value!r}")


def _infra(name: str, value: object) -> InfraSettings:
    try:
        return InfraSettings.model_validate(value)
    except ValidationError as error:
        problems = [f"    {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise InfraError("\n".join([f"{CONFIG}: infra of stage {name}:", *problems])) from error
