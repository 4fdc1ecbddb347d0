"""Tokens for trying out a stage, signed with its secret."""

from __future__ import annotations

from infra.deploy.account import Account
from infra.deploy.secret import secret_of
from infra.errors import InfraError
from infra.stage import Stage
from local.errors import LocalError
from local.tokens import mint_for


def token_for(account: Account, stage: Stage, participant_id: str, name: str | None, ttl: int) -> str:
    """Return a token that the stage accepts. Raises InfraError."""
    secret = secret_of(account, stage)
    if secret is None:
        raise InfraError(f"Tokens of stage {stage.name} come from the identity provider of CHAT_JWKS_URL")
    settings = {**stage.environment, "CHAT_JWT_SECRET": secret.read()}
    try:
        return mint_for(participant_id, name, ttl, settings)
    except LocalError as error:
        raise InfraError(str(error)) from None
