"""Teardown of a stage, with a report of the deleted and the retained resources before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts
from infra.deploy.changes import TABLE
from infra.deploy.console import Console
from infra.deploy.progress import explain_failures
from infra.deploy.secret import SecretParameter, secrets_of
from infra.deploy.stack import NO_STACK, Stack
from infra.deploy.state import read_state
from infra.errors import InfraError
from infra.restore.note import Notebook
from infra.stage import Stage
from infra.template.names import Json

_RETAINING_POLICIES = {"Retain", "RetainExceptOnCreate"}


class Teardown:
    """Removes one stage from an account."""

    def __init__(self, account: Account, stage: Stage, console: Console, *, stack: Stack | None = None) -> None:
        self._stage = stage
        self._console = console
        self._stack = stack or Stack(account, stage.full_name, console)
        self._artefacts = Artefacts(account, stage, console)
        self._secrets = secrets_of(account, stage)
        self._tables: dict[str, str] = {}
        """Tables that the stage uses, but that do not belong to the stack."""
        self._restored: Sequence[str] = ()
        """Tables that an unfinished restore has made, or was about to make. Its note is one of the uploads."""

    def run(self) -> list[Json]:
        """Remove the stage and return the retained resources, as CloudFormation lists them. Raises InfraError."""
        self._console.require_confirmation("Destroying")
        own_secrets = [secret for secret in self._secrets if secret.was_created_by_deploy()]
        status = self._stack.status()
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise InfraError(f"The stack {self._stack.name} is busy ({status}): wait until it has finished")
        note = Notebook(self._artefacts).read()
        self._restored = () if note is None else note.new
        retained = self._announce(own_secrets) if status != NO_STACK else []
        if status == NO_STACK:
            self._console.write(
                f"There is no stack {self._stack.name}; its uploads and secret, if any, are deleted"
            )
        if not self._console.confirm(f"Type {self._stack.name} to destroy it:", self._stack.name):
            raise InfraError("Nothing was destroyed")
        if status != NO_STACK:
            self._delete()
        self._delete_uploads_and_secrets(own_secrets)
        self._write_retained(retained, own_secrets)
        return retained

    def _announce(self, own_secrets: Sequence[SecretParameter]) -> list[Json]:
        existing = [item for item in self._stack.resources() if item["ResourceStatus"] != "DELETE_COMPLETE"]
        retained_ids = self._retained_ids()
        retained = [item for item in existing if item["LogicalResourceId"] in retained_ids]
        deleted = [item for item in existing if item["LogicalResourceId"] not in retained_ids]
        self._console.write(f"The stack {self._stack.name} will be deleted, with:")
        for kind, count in sorted(Counter(item["ResourceType"] for item in deleted).items()):
            self._console.write(f"  {count:>3} {kind}")
        for item in deleted:
            if item["ResourceType"] == TABLE:
                self._console.write(f"!!! {_format_resource(item)}: all data in it will be LOST")
        if self._stack.status() != "REVIEW_IN_PROGRESS":
            self._tables = read_state(self._stack.source_template()).tables
        self._console.write("Then its uploads" + (", and the secret of its tokens" if own_secrets else ""))
        self._write_retained(retained, own_secrets)
        return retained

    def _retained_ids(self) -> set[str]:
        # A stack that was never created has no template.
        if self._stack.status() == "REVIEW_IN_PROGRESS":
            return set()
        resources = self._stack.template()["Resources"]
        return {name for name, item in resources.items() if item.get("DeletionPolicy") in _RETAINING_POLICIES}

    def _delete(self) -> None:
        status, events = self._stack.delete()
        if status != "DELETE_COMPLETE":
            raise InfraError(
                "\n".join(
                    [
                        f"The stack {self._stack.name} ended in {status}",
                        *explain_failures(events),
                        f"Fix the cause and run make destroy STAGE={self._stage.name} again",
                    ]
                )
            )

    def _delete_uploads_and_secrets(self, own_secrets: Sequence[SecretParameter]) -> None:
        deleted = self._artefacts.delete()
        self._console.write(f"Deleted {deleted} uploaded files of the stage")
        for secret in own_secrets:
            secret.delete()
            self._console.write(f"Deleted parameter {secret.name}")

    def _write_retained(self, retained: Sequence[Json], own_secrets: Sequence[SecretParameter]) -> None:
        self._console.write("Retained on purpose:")
        for item in retained:
            self._console.write(f"  {_format_resource(item)}: {_retention_reason(item)}")
        for name in self._tables.values():
            self._console.write(f"  the table {name}, which does not belong to the stack")
        for name in self._restored:
            if name not in self._tables.values():
                self._console.write(f"  the table {name}, if it exists: an unfinished restore made it")
        self._console.write(f"  the bucket {self._artefacts.bucket}, which all stages of the account share")
        for secret in self._secrets:
            if secret not in own_secrets:
                self._console.write(f"  the parameter {secret.name}, if it exists: no deployment created it")


def _format_resource(resource: Json) -> str:
    return f"{resource['LogicalResourceId']} ({resource['ResourceType']}) {resource.get('PhysicalResourceId', '')}"


def _retention_reason(resource: Json) -> str:
    if resource["ResourceType"] == TABLE:
        return "the conversations of a production stage outlive it"
    return "API Gateway uses it for the access logs of all stages"
