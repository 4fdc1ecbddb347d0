"""The tables of a restore: creation, the settings that a restored table lacks, and reading their keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.keys import Key
from infra.deploy.account import Account
from infra.deploy.console import Console
from infra.deploy.error_messages import code_of
from infra.errors import InfraError
from infra.template.names import Json
from infra.template.tables import DEFINITION

POLL_INTERVAL = 5.0
"""Seconds between two polls of a table that is being created."""
EXPIRY = "expires_at"
_RECOVERY_ATTEMPTS = 240
"""For twenty minutes: DynamoDB names no bound."""
_CREATED_AS = ("AttributeDefinitions", "KeySchema", "BillingMode", "SSESpecification")


class Tables:
    """The tables of one account."""

    def __init__(self, account: Account, console: Console, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = account.dynamodb
        self._console = console
        self._sleep = sleep

    def describe(self, name: str) -> Json | None:
        """Return the description of a table, None if it does not exist."""
        try:
            described: Json = self._client.describe_table(TableName=name)["Table"]
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            return None
        return described

    def require_restorable(self, name: str, at: datetime) -> None:
        """Raise InfraError unless point-in-time recovery of a table reaches back to `at`."""
        backups = self._client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            raise InfraError(
                f"Point-in-time recovery of the table {name} is off: there is nothing to restore from"
            )
        earliest, latest = recovery.get("EarliestRestorableDateTime"), recovery.get("LatestRestorableDateTime")
        if earliest is not None and latest is not None and not earliest <= at <= latest:
            raise InfraError(f"The table {name} can be restored to {earliest:%FT%TZ} until {latest:%FT%TZ}")

    def restore(self, source: str, target: str, at: datetime) -> None:
        """Restore a table to a point in time into a new one, unless that has begun; wait until it is active."""
        if self.describe(target) is None:
            self._client.restore_table_to_point_in_time(
                SourceTableName=source,
                TargetTableName=target,
                RestoreDateTime=at,
                BillingModeOverride="PAY_PER_REQUEST",
                SSESpecificationOverride={"Enabled": True},
            )
        self._wait_until_active(target)

    def restore_deleted(self, source: str, target: str) -> None:
        """Restore a deleted table from the backup that DynamoDB makes of it. Raises InfraError without one."""
        if self.describe(target) is None:
            backups = self._client.list_backups(TableName=source, BackupType="SYSTEM")["BackupSummaries"]
            if not backups:
                raise InfraError(f"The table {source} is gone, and DynamoDB keeps no backup of it")
            newest = max(backups, key=lambda backup: backup["BackupCreationDateTime"])
            self._client.restore_table_from_backup(
                TargetTableName=target,
                BackupArn=newest["BackupArn"],
                BillingModeOverride="PAY_PER_REQUEST",
                SSESpecificationOverride={"Enabled": True},
            )
        self._wait_until_active(target)

    def create_connections(self, name: str) -> None:
        """Create an empty connections table, unless it exists; wait until it is active."""
        if self.describe(name) is None:
            properties = json.loads(DEFINITION.read_text(encoding="utf-8"))["ConnectionsTable"]["Properties"]
            given = {key: properties[key] for key in _CREATED_AS}
            given["SSESpecification"] = {"Enabled": properties["SSESpecification"]["SSEEnabled"]}
            self._client.create_table(TableName=name, **given)
        self._wait_until_active(name)

    def configure(self, name: str, like: str, *, protected: bool) -> None:
        """Set what a new or restored table lacks, and check it. Raises InfraError."""
        if self._ttl(name) == "DISABLED":
            specification = {"Enabled": True, "AttributeName": EXPIRY}
            self._client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
        self._enable_recovery(name)
        described = self._described(name)
        if bool(described.get("DeletionProtectionEnabled")) != protected:
            self._client.update_table(TableName=name, DeletionProtectionEnabled=protected)
            self._wait_until_active(name)
        original = self.describe(like)
        if original is not None:
            tags = self._client.list_tags_of_resource(ResourceArn=original["TableArn"])["Tags"]
            own = [tag for tag in tags if not tag["Key"].startswith("aws:")]
            if own:
                self._client.tag_resource(ResourceArn=described["TableArn"], Tags=own)
        self._check(name, protected=protected)

    def keys(self, name: str) -> Iterator[Key]:
        """Yield the keys of all rows."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=name, ProjectionExpression="pk, sk", ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                yield item["pk"]["S"], item["sk"]["S"]

    def _enable_recovery(self, name: str) -> None:
        """Turn on point-in-time recovery, which DynamoDB refuses for some time after a table was created."""
        recovery = {"PointInTimeRecoveryEnabled": True}
        for _ in range(_RECOVERY_ATTEMPTS):
            try:
                self._client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
            except ClientError as error:
                if code_of(error) != "ContinuousBackupsUnavailableException":
                    raise
                self._console.write(f"  {name} cannot be backed up yet")
                self._sleep(POLL_INTERVAL)
            else:
                return
        raise InfraError(f"Point-in-time recovery of the table {name} is still not available. Repeat the command")

    def _check(self, name: str, *, protected: bool) -> None:
        described = self._described(name)
        backups = self._client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        wrong = [
            setting
            for setting, is_right in {
                "TTL": self._ttl(name) in {"ENABLED", "ENABLING"},
                "point-in-time recovery": recovery in {"ENABLED", "ENABLING"},
                "deletion protection": bool(described.get("DeletionProtectionEnabled")) == protected,
                "on-demand capacity": described.get("BillingModeSummary", {}).get("BillingMode")
                == "PAY_PER_REQUEST",
            }.items()
            if not is_right
        ]
        if wrong:
            raise InfraError(
                f"The table {name} has not taken its settings: {', '.join(wrong)}. Repeat the command"
            )

    def _ttl(self, name: str) -> str:
        described = self._client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        return str(described.get("TimeToLiveStatus", "DISABLED"))

    def _described(self, name: str) -> dict[str, Any]:
        described = self.describe(name)
        if described is None:
            raise InfraError(f"The table {name} does not exist")
        return described

    def _wait_until_active(self, name: str) -> None:
        while (status := self._described(name)["TableStatus"]) != "ACTIVE":
            self._console.write(f"  {name} is {status}")
            self._sleep(POLL_INTERVAL)
