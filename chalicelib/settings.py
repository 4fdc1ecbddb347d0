"""The settings of a deployment, read once from the environment.

| variable                    | meaning                                                                        |
|-----------------------------|--------------------------------------------------------------------------------|
| `CHAT_CONVERSATIONS_TABLE`  | name of the conversations table                                                |
| `CHAT_CONNECTIONS_TABLE`    | name of the connections table                                                  |
| `CHAT_JOB_QUEUE`            | URL of the SQS queue for background jobs; without it, the sweep runs them      |
| `CHAT_EVENTS`               | `on`: events are published to endpoints (default `off`)                        |
| `CHAT_DELIVERY_QUEUE`       | URL of the SQS queue for the attempts to publish them                          |
| `CHAT_ENDPOINTS`            | endpoints as JSON: a list of objects, see docs/webhooks.md                     |
| `CHAT_WEBHOOKS_LOCAL`       | if not empty, webhooks may be on this machine (for development)                |
| `CHAT_RETENTION_DAYS`       | after how many days content expires, 30 to 365; 0 is never (default 0)         |
| `CHAT_MANAGEMENT_ENDPOINT`  | URL of the WebSocket API's connection management API, including the stage      |
| `CHAT_JWT_SECRET`           | secret of HS256 tokens, at least 32 bytes (for development)                    |
| `CHAT_JWT_SECRET_PARAMETER` | name of the Systems Manager parameter with that secret, instead of the secret  |
| `CHAT_JWKS_URL`             | URL of the key set for RS256 and ES256 tokens                                  |
| `CHAT_JWT_ISSUER`           | required `iss` of tokens                                                       |
| `CHAT_JWT_AUDIENCE`         | required `aud` of tokens                                                       |
| `CHAT_SECOND_<NAME>`        | one of these five, of a second issuer: its tokens are accepted as well         |
| `CHAT_JWT_TYPE_CLAIM`       | claim that is `agent` for programs (default `participant_type`)                |
| `CHAT_JWT_LEEWAY`           | tolerated clock difference in seconds (default 30)                             |
| `CHAT_JWT_MAX_LIFETIME`     | longest lifetime of tokens in seconds; others are refused (default 2592000)    |
| `CHAT_JWKS_MAX_AGE`         | seconds after which keys, or the parameter, are read again (default 3600)      |
| `CHAT_JWKS_GRACE`           | seconds for which they are used longer if that fails (default 3600)            |
| `CHAT_SERVICE_SCOPE`        | scope of the tokens of services; without it, there are none                    |
| `CHAT_SERVICE_CLIENTS`      | client ids of services, separated by commas                                    |
| `CHAT_LIMIT_<NAME>`         | a limit of `kernel.limits.Limits`, such as `CHAT_LIMIT_PARTICIPANTS=250`       |
| `CHAT_TIME_<NAME>`          | a time of `kernel.limits.Timing` in seconds, such as `CHAT_TIME_PING_INTERVAL` |
| `CHAT_ADDING`               | `anyone`: others can add a participant; `consent`: needs acceptance            |
| `CHAT_PROFILES`             | `participants`: each sets their own profile; `services`: only services do      |
| `CHAT_HOOK`                 | name or ARN of the Lambda function that is asked before a message; no default  |
| `CHAT_HOOK_FAILURE`         | whether its failure is an `allow` or a `refuse` (default `allow`)              |
| `CHAT_ALLOWED_ORIGINS`      | origins that may call the HTTP API, separated by commas, or `*` (default `*`)  |
| `CHAT_HISTORY_ID`           | id of this history of the data (default `0.` and the conversations table)      |
| `CHAT_FENCED`               | if not empty, the stage answers UNAVAILABLE: its tables are being restored     |
| `CHAT_VERSION`              | version that `/health` returns                                                 |
| `CHAT_STAGE`                | stage of the metrics; without it, no metrics are written                       |
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, Limits, Timing
from chalicelib.identity.environment import ISSUER_VARIABLES, SECOND_ISSUER, identity_settings
from chalicelib.identity.settings import IdentitySettings

DEVELOPMENT_SECRET_PREFIX = "development-"  # noqa: S105 — a prefix, not a secret
PREFIX = "CHAT_"
CLIENT_VARIABLES = {"CHAT_HTTP_URL", "CHAT_WS_URL", "CHAT_TOKEN", "CHAT_PROFILE"}
"""The variables of the Python client's command line, which a shell that starts a local chat may have, too."""
T = TypeVar("T", Limits, Timing)


class SettingsError(ValueError):
    """The settings are invalid. The message names the setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings. The docstring of the module describes the variables."""

    conversations_table: str
    connections_table: str
    management_endpoint: str
    region: str
    identity: IdentitySettings
    limits: Limits
    timing: Timing
    version: str
    history_id: HistoryId
    allowed_origins: tuple[str, ...] = ("*",)
    job_queue: str | None = None
    events: bool = False
    """Whether events are published to endpoints."""
    delivery_queue: str | None = None
    endpoints: str = ""
    """The endpoints of the settings, as JSON."""
    webhooks_local: bool = False
    """Whether webhooks may have plain HTTP, any port and loopback addresses."""
    retention_days: int = 0
    requires_consent: bool = False
    """Whether each addition by another participant needs acceptance."""
    profiles_by_services: bool = False
    hook: str | None = None
    """The name or ARN of the Lambda function that is asked before a message."""
    allows_on_hook_failure: bool = True
    stage: str | None = None
    """The dimension of the metrics; None: no metrics."""
    fenced: bool = False
    """Whether the tables are being replaced, and must be neither read nor written."""
    deployed: bool = False
    """Whether the process runs on Lambda."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Return the settings in the environment. Raises SettingsError."""
        reject_misspelt(set(environment) - CLIENT_VARIABLES)
        try:
            settings = cls(
                conversations_table=_required(environment, "CHAT_CONVERSATIONS_TABLE"),
                connections_table=_required(environment, "CHAT_CONNECTIONS_TABLE"),
                management_endpoint=_required(environment, "CHAT_MANAGEMENT_ENDPOINT"),
                region=environment.get("AWS_REGION") or _required(environment, "AWS_DEFAULT_REGION"),
                identity=identity_settings(environment),
                limits=_numbers(Limits, "CHAT_LIMIT_", environment),
                timing=_numbers(Timing, "CHAT_TIME_", environment),
                version=environment.get("CHAT_VERSION") or "development",
                history_id=_history_id(environment),
                allowed_origins=_origins(environment.get("CHAT_ALLOWED_ORIGINS") or "*"),
                job_queue=environment.get("CHAT_JOB_QUEUE") or None,
                events=_is_second(environment, "CHAT_EVENTS", "off", "on"),
                delivery_queue=environment.get("CHAT_DELIVERY_QUEUE") or None,
                endpoints=environment.get("CHAT_ENDPOINTS") or "",
                webhooks_local=_webhooks_local(environment),
                retention_days=_retention(environment.get("CHAT_RETENTION_DAYS") or "0"),
                requires_consent=_is_second(environment, "CHAT_ADDING", "anyone", "consent"),
                profiles_by_services=_is_second(environment, "CHAT_PROFILES", "participants", "services"),
                hook=environment.get("CHAT_HOOK") or None,
                allows_on_hook_failure=not _is_second(environment, "CHAT_HOOK_FAILURE", "allow", "refuse"),
                stage=environment.get("CHAT_STAGE") or None,
                fenced=bool(environment.get("CHAT_FENCED")),
                deployed=is_lambda(environment),
            )
            for issuer in filter(None, (settings.identity, settings.identity.second)):
                settings.checked_secret(issuer.secret or "")
            return settings
        except ValueError as error:
            raise SettingsError(str(error)) from error

    def checked_secret(self, secret: str) -> str:
        """Return `secret`, from wherever it was read. Raises SettingsError if it is for development only."""
        if self.deployed and secret.startswith(DEVELOPMENT_SECRET_PREFIX):
            raise SettingsError("CHAT_JWT_SECRET is the public secret for development: set your own")
        return secret


@functools.cache
def current_settings() -> Settings:
    """Return the settings of this process, read once. Raises SettingsError."""
    return Settings.from_environment(os.environ)


def is_lambda(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process is a Lambda function."""
    return "AWS_LAMBDA_FUNCTION_NAME" in environment


def known_names() -> list[str]:
    """Return the names of all settings, from the table above."""
    rows = [line for line in (__doc__ or "").splitlines() if line.startswith(f"| `{PREFIX}")]
    names = [name for name in (row.split("`")[1] for row in rows) if "<" not in name]
    names += [f"{SECOND_ISSUER}{name}" for name in ISSUER_VARIABLES]
    for kind, prefix in ((Limits, "CHAT_LIMIT_"), (Timing, "CHAT_TIME_")):
        names += [f"{prefix}{field.name.upper()}" for field in fields(kind)]
    return names


def reject_misspelt(names: Iterable[str]) -> None:
    """Raise SettingsError if a variable is none of the settings, but named almost like one.

    Other variables with the prefix may belong to other programs.
    """
    given = [name for name in names if name.startswith(PREFIX)]
    for name in sorted(set(given) - set(known := known_names())):
        import difflib

        if nearest := difflib.get_close_matches(name, known, n=1, cutoff=0.8):
            raise SettingsError(f"unknown setting {name}; did you mean {nearest[0]}?")


def _history_id(environment: Mapping[str, str]) -> HistoryId:
    table = _required(environment, "CHAT_CONVERSATIONS_TABLE")
    try:
        return HistoryId.parse(environment.get("CHAT_HISTORY_ID") or f"0.{table}")
    except ValueError as error:
        raise SettingsError(f"CHAT_HISTORY_ID: {error}") from None


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    if not origins or ("*" in origins and len(origins) > 1):
        raise SettingsError("CHAT_ALLOWED_ORIGINS must be * or origins separated by commas")
    return origins


def _webhooks_local(environment: Mapping[str, str]) -> bool:
    """Return the setting. Raises SettingsError on Lambda, where it would open the network of the functions."""
    is_local = bool(environment.get("CHAT_WEBHOOKS_LOCAL"))
    if is_local and is_lambda(environment):
        raise SettingsError("CHAT_WEBHOOKS_LOCAL is for development: a deployed stage sends to public hosts only")
    return is_local


def _retention(text: str) -> int:
    low, high = MIN_RETENTION_DAYS, MAX_RETENTION_DAYS
    if text == "0" or (text.isdecimal() and low <= int(text) <= high):
        return int(text)
    raise SettingsError(f"CHAT_RETENTION_DAYS must be 0 (never), or {low} to {high} days")


def _is_second(environment: Mapping[str, str], name: str, first: str, second: str) -> bool:
    if (text := environment.get(name) or first) not in {first, second}:
        raise SettingsError(f"{name} must be {first} or {second}")
    return text == second


def _required(environment: Mapping[str, str], name: str) -> str:
    if value := environment.get(name):
        return value
    raise SettingsError(f"the environment variable {name} must be set")


def _numbers(kind: type[T], prefix: str, environment: Mapping[str, str]) -> T:
    """Return a group of numbers, each of the type of its default. Raises SettingsError."""
    known = {f"{prefix}{field.name.upper()}": field for field in fields(kind)}
    values: dict[str, Any] = {}
    for name, text in ((name, text) for name, text in environment.items() if name.startswith(prefix)):
        if name not in known:
            raise SettingsError(f"unknown setting {name}; the settings are {', '.join(known)}")
        field = known[name]
        try:
            values[field.name] = float(text) if isinstance(field.default, float) else int(text)
        except ValueError:
            raise SettingsError(f"{name} must be a number") from None
    numbers = kind(**values)
    for name, field in known.items():
        if not 0 <= getattr(numbers, field.name) < math.inf:
            raise SettingsError(f"{name} must be finite, and not negative")
    return numbers
