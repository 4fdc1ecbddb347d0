"""The settings of a deployment: one frozen value, read once from the environment.

| variable                        | meaning                                                                    |
|---------------------------------|----------------------------------------------------------------------------|
| `CHAT_CONVERSATIONS_TABLE`      | name of the conversations table                                            |
| `CHAT_CONNECTIONS_TABLE`        | name of the connections table                                              |
| `CHAT_MANAGEMENT_ENDPOINT`      | URL of the WebSocket API's callback API, with the stage                    |
| `CHAT_JWT_SECRET`               | secret of HS256 tokens, 32 bytes or more (development)                     |
| `CHAT_JWKS_URL`                 | where the keys of RS256 and ES256 tokens are                               |
| `CHAT_JWT_ISSUER`               | the `iss` that tokens must have                                            |
| `CHAT_JWT_AUDIENCE`             | the `aud` that tokens must have                                            |
| `CHAT_JWT_LEEWAY`               | how far clocks may differ, in seconds (30)                                 |
| `CHAT_LIMIT_<NAME>`             | a limit of `core.limits.Limits`, as `CHAT_LIMIT_PARTICIPANTS=250`          |
| `CHAT_TIME_<NAME>`              | a time of `core.limits.Timing` in seconds, as `CHAT_TIME_PING_INTERVAL=60` |
| `CHAT_VERSION`                  | what `/health` says is running                                             |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from chalicelib.core.limits import Limits, Timing
from chalicelib.identity.settings import IdentitySettings

DEVELOPMENT_SECRET_PREFIX = "development-"  # noqa: S105 — what such a secret begins with, and no secret
T = TypeVar("T", Limits, Timing)


class SettingsError(ValueError):
    """The environment does not make up a deployment; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """See the module's table."""

    conversations_table: str
    connections_table: str
    management_endpoint: str
    region: str
    identity: IdentitySettings
    limits: Limits
    timing: Timing
    version: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError."""
        secret = environment.get("CHAT_JWT_SECRET") or None
        if secret and secret.startswith(DEVELOPMENT_SECRET_PREFIX) and "AWS_LAMBDA_FUNCTION_NAME" in environment:
            raise SettingsError(
                "CHAT_JWT_SECRET is the secret that everybody knows, for development only: "
                "set one of your own, or CHAT_JWKS_URL"
            )
        try:
            return cls(
                conversations_table=_required(environment, "CHAT_CONVERSATIONS_TABLE"),
                connections_table=_required(environment, "CHAT_CONNECTIONS_TABLE"),
                management_endpoint=_required(environment, "CHAT_MANAGEMENT_ENDPOINT"),
                region=environment.get("AWS_REGION") or _required(environment, "AWS_DEFAULT_REGION"),
                identity=IdentitySettings(
                    secret=secret,
                    jwks_url=environment.get("CHAT_JWKS_URL") or None,
                    issuer=environment.get("CHAT_JWT_ISSUER") or None,
                    audience=environment.get("CHAT_JWT_AUDIENCE") or None,
                    leeway=_seconds(environment, "CHAT_JWT_LEEWAY", 30),
                ),
                limits=_numbers(Limits, "CHAT_LIMIT_", environment),
                timing=_numbers(Timing, "CHAT_TIME_", environment),
                version=environment.get("CHAT_VERSION") or "development",
            )
        except SettingsError:
            raise
        except ValueError as error:
            raise SettingsError(str(error)) from error


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} must be set")
    return value


def _seconds(environment: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(environment.get(name) or default)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number of seconds") from None


def _numbers(kind: type[T], prefix: str, environment: Mapping[str, str]) -> T:
    """A group of numbers; each is of the type of its default. Raises SettingsError."""
    known = {f"{prefix}{field.name.upper()}": field for field in fields(kind)}
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith(prefix):
            continue
        if name not in known:
            raise SettingsError(f"there is no setting {name}; there are {', '.join(known)}")
        field = known[name]
        try:
            values[field.name] = float(text) if isinstance(field.default, float) else int(text)
        except ValueError:
            raise SettingsError(f"{name} must be a number") from None
    return kind(**values)
