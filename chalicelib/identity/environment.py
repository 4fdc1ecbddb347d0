"""The settings of identity, from the variables that `chalicelib/settings.py` describes."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.identity.settings import DEFAULT_TYPE_CLAIM, IdentitySettings

SECOND_ISSUER = "CHAT_SECOND_"
ISSUER_VARIABLES = ("JWT_SECRET", "JWT_SECRET_PARAMETER", "JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE")


def identity_settings(environment: Mapping[str, str]) -> IdentitySettings:
    """Return the settings of identity in the environment. Raises ValueError."""
    second = None
    if any(environment.get(f"{SECOND_ISSUER}{name}") for name in ISSUER_VARIABLES):
        second = _issuer(environment, SECOND_ISSUER)
    return _issuer(environment, "CHAT_", second)


def _issuer(
    environment: Mapping[str, str], prefix: str, second: IdentitySettings | None = None
) -> IdentitySettings:
    secret, parameter, jwks_url, issuer, audience = (
        environment.get(f"{prefix}{name}") or None for name in ISSUER_VARIABLES
    )
    return IdentitySettings(
        secret=secret,
        jwks_url=jwks_url,
        issuer=issuer,
        audience=audience,
        leeway=_seconds(environment, "CHAT_JWT_LEEWAY", 30),
        max_lifetime=_seconds(environment, "CHAT_JWT_MAX_LIFETIME", 30 * 24 * 3600),
        max_age=_seconds(environment, "CHAT_JWKS_MAX_AGE", 3600),
        grace=_seconds(environment, "CHAT_JWKS_GRACE", 3600),
        secret_parameter=parameter,
        type_claim=environment.get("CHAT_JWT_TYPE_CLAIM") or DEFAULT_TYPE_CLAIM,
        service_scope=environment.get("CHAT_SERVICE_SCOPE") or None,
        service_clients=_names(environment.get("CHAT_SERVICE_CLIENTS") or ""),
        prefix=prefix,
        second=second,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def _seconds(environment: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(environment.get(name) or default)
    except ValueError:
        raise ValueError(f"{name} must be a whole number of seconds") from None
