"""Tokens for trying out a stage, signed with its secret."""

from __future__ import annotations

from infra.deploy.account import Account
from infra.deploy.secret import secrets_of
from infra.errors import InfraError
from infra.stage import Stage
from local.errors import LocalError
from local.tokens import mint_for


def token_for(account: Account, stage: Stage, participant_id: str, name: str | None, ttl: int) -> str:
    """Return a token that the stage accepts. Raises InfraError."""
    secrets = secrets_of(account, stage)
    if not secrets:
        raise InfraError(f"Tokens of stage {stage.name} come from the identity provider of CHAT_JWKS_URL")
    prefix = next(iter(stage.secret_parameters))
    claims = ("JWT_ISSUER", "JWT_AUDIENCE")
    settings = {f"CHAT_{name}": stage.environment.get(f"{prefix}{name}", "") for name in claims}
    settings = {name: value for name, value in settings.items() if value}
    settings["CHAT_JWT_SECRET"] = secrets[0].read()
    try:
        return mint_for(participant_id, name, ttl, settings)
    except LocalError as error:
        raise InfraError(str(error)) from None


def token_command(stage: Stage, region: str | None) -> str:
    """Return the command that prints a token of a stage; `region` is the one that was named, if any."""
    place = f" --region {region}" if region else ""
    return f".venv/bin/python -m infra token alice --name Alice --stage {stage.name}{place}"
