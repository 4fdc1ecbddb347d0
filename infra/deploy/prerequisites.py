"""Checks of the account before a deployment: the permissions boundary, concurrency, and the log role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from botocore.exceptions import ClientError

from infra.deploy.account import Account
from infra.deploy.console import Console
from infra.deploy.error_messages import code_of
from infra.errors import InfraError
from infra.stage import Stage
from infra.template.names import Json

LOG_SETTING = "GatewayAccount"
"""The logical id of the account's log setting in the template."""
TABLE_KEYS = {("pk", "HASH"), ("sk", "RANGE")}
UNRESERVABLE = 100
"""Concurrent executions that an account cannot reserve (Lambda Developer Guide, "Configuring reserved
concurrency"); an account with a smaller quota can reserve none."""


class Prerequisites:
    """The checks for one stage in one account."""

    def __init__(self, account: Account, stage: Stage, console: Console) -> None:
        self._account = account
        self._stage = stage
        self._console = console

    def check(self, template: Json, deployed: Mapping[str, str]) -> None:
        """Check the account, and report what the deployment affects outside the stack.

        `deployed` has the physical ids of the stack's resources by logical id; it is empty before the creation.
        Raises InfraError if the deployment would fail.
        """
        self._require_boundary()
        self._check_concurrency(template, is_created=bool(deployed))
        self._check_log_role(deployed)

    def require_tables(self, names: Iterable[str]) -> None:
        """Raise InfraError unless these tables exist and have the keys of the application."""
        for name in names:
            try:
                described = self._account.dynamodb.describe_table(TableName=name)["Table"]
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                raise InfraError(f"There is no table {name} in {self._account.region}") from None
            if {(key["AttributeName"], key["KeyType"]) for key in described["KeySchema"]} != TABLE_KEYS:
                raise InfraError(
                    f"The table {name} has other keys than pk and sk: it is no table of this application"
                )

    def _require_boundary(self) -> None:
        name = self._stage.infra.permissions_boundary
        if not name:
            return
        arn = f"arn:{self._account.partition}:iam::{self._account.id}:policy/{name}"
        try:
            self._account.iam.get_policy(PolicyArn=arn)
        except ClientError as error:
            if code_of(error) != "NoSuchEntity":
                raise
            raise InfraError(
                f"The permissions boundary {arn} does not exist: an administrator creates it from"
                " infra/iam/boundary.json (docs/deployment.md)"
            ) from None

    def _check_concurrency(self, template: Json, *, is_created: bool) -> None:
        limit = self._account.lambda_.get_account_settings()["AccountLimit"]
        total, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
        self._console.write(f"Lambda allows {total} concurrent executions here, {unreserved} of them unreserved")
        if total < UNRESERVABLE:
            self._console.write(
                f"!!! {total} concurrent executions are enough to try the stage out, not for real traffic: request"
                " more in Service Quotas (Lambda, Concurrent executions)"
            )
        reserved = sum(
            resource["Properties"].get("ReservedConcurrentExecutions", 0)
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::Serverless::Function"
        )
        available = max(unreserved - UNRESERVABLE, 0)
        # Those of an existing stack are reserved already, and not part of the unreserved ones.
        if not is_created and reserved > available:
            raise InfraError(
                f"The stage reserves {reserved} concurrent executions, and this account can reserve {available}:"
                " remove reserved_concurrency from .chalice/config.json, or request a higher quota"
            )

    def _check_log_role(self, deployed: Mapping[str, str]) -> None:
        if not self._stage.infra.account_log_role or LOG_SETTING in deployed:
            return
        current = self._account.apigateway.get_account().get("cloudwatchRoleArn")
        if current:
            self._console.write(
                f"!!! API Gateway writes the logs of this account and region with {current}. The stage replaces"
                " this role by its own; set infra.account_log_role to false to keep it"
            )
