"""The secret of a trial stage's HS256 tokens: created once, never shown, deleted with the stage."""

from __future__ import annotations

import secrets

from botocore.exceptions import ClientError

from infra.deploy.account import Account
from infra.deploy.error_messages import code_of
from infra.errors import InfraError
from infra.stage import Stage

_BYTES = 48
_OWNER_TAG = "made-by-deploying"
# Parameters that SSM forwards to Secrets Manager, where the secret must be created.
_SECRETS_MANAGER_PREFIX = "/aws/reference/"


class SecretParameter:
    """The SSM parameter that a stage's settings name."""

    def __init__(self, account: Account, stage: Stage, name: str) -> None:
        self._ssm = account.ssm
        self._stage = stage
        self.name = name

    def create_if_missing(self) -> bool:
        """Create it with a random secret unless it exists; return whether it was created."""
        if self.name.startswith(_SECRETS_MANAGER_PREFIX) or self._exists():
            return False
        try:
            self._ssm.put_parameter(
                Name=self.name,
                Type="SecureString",
                Value=secrets.token_urlsafe(_BYTES),
                Description=f"Secret of the HS256 tokens of {self._stage.full_name}",
                Tags=[{"Key": _OWNER_TAG, "Value": self._stage.full_name}],
            )
        except ClientError as error:
            if code_of(error) != "ParameterAlreadyExists":
                raise
            return False
        return True

    def was_created_by_deploy(self) -> bool:
        """Return whether it exists and was created by a deployment of this stage, not manually."""
        if self.name.startswith(_SECRETS_MANAGER_PREFIX) or not self._exists():
            return False
        response = self._ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.name)
        return {"Key": _OWNER_TAG, "Value": self._stage.full_name} in response["TagList"]

    def delete(self) -> None:
        """Delete the parameter."""
        self._ssm.delete_parameter(Name=self.name)

    def read(self) -> str:
        """Return the secret. Raises InfraError if the parameter does not exist."""
        try:
            response = self._ssm.get_parameter(Name=self.name, WithDecryption=True)
        except ClientError as error:
            if code_of(error) != "ParameterNotFound":
                raise
            raise InfraError(
                f"There is no parameter {self.name}: run make deploy STAGE={self._stage.name} to create it"
            ) from None
        return str(response["Parameter"]["Value"])

    def _exists(self) -> bool:
        try:
            self._ssm.get_parameter(Name=self.name)  # not decrypted
        except ClientError as error:
            if code_of(error) != "ParameterNotFound":
                raise
            return False
        return True


def secrets_of(account: Account, stage: Stage) -> list[SecretParameter]:
    """Return the stage's secret parameters: two while the secret is rotated, none without HS256 tokens."""
    return [SecretParameter(account, stage, name) for name in stage.secret_parameters.values()]
