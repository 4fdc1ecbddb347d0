"""One CloudFormation stack: its state, change sets, and the progress of operations."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.account import Account
from infra.deploy.changes import Change, read_changes
from infra.deploy.console import Console
from infra.deploy.error_messages import message_of
from infra.deploy.progress import StackEvent, StackEvents
from infra.deploy.validation import VALIDATION_HINT, validation_errors
from infra.errors import InfraError
from infra.template.names import Json

POLL_INTERVAL = 2.0
"""Seconds between two polls of CloudFormation."""
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# CloudFormation's two reasons for an empty change set.
_NO_CHANGES = ("The submitted information didn't contain changes", "No updates are to be performed")
NO_STACK = "NO_STACK"
NOT_CREATED = {NO_STACK, "REVIEW_IN_PROGRESS"}
"""States in which the stack has yet to be created."""
FAILED_CREATION = {"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"}
"""States after a failed creation, in which CloudFormation can only delete the stack."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """The changes to reach a template, ready for execution."""

    id: str
    changes: list[Change]


class Stack:
    """The stack of one stage in one account."""

    def __init__(
        self,
        account: Account,
        name: str,
        console: Console,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._account = account
        self._client = account.cloudformation
        self._console = console
        self._sleep = sleep

    def describe(self) -> Json | None:
        """Return CloudFormation's description of the stack, or None if it does not exist."""
        try:
            (stack,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in message_of(error):
                return None
            raise
        described: Json = stack
        return None if described["StackStatus"] == "DELETE_COMPLETE" else described

    def status(self) -> str:
        """Return the stack's status, `NO_STACK` if it does not exist."""
        stack = self.describe()
        return NO_STACK if stack is None else str(stack["StackStatus"])

    def outputs(self) -> dict[str, str]:
        """Return the outputs by name."""
        stack = self.describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def resources(self) -> list[Json]:
        """Return the resources, as in ListStackResources."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [resource for page in pages for resource in page["StackResourceSummaries"]]

    def physical_ids(self) -> dict[str, str]:
        """Return the physical ids of the resources by logical id."""
        return {item["LogicalResourceId"]: item.get("PhysicalResourceId", "") for item in self.resources()}

    def template(self) -> Json:
        """Return the deployed template, with SAM transformed."""
        return self._template("Processed")

    def source_template(self) -> Json:
        """Return the deployed template as it was submitted."""
        return self._template("Original")

    def _template(self, stage: str) -> Json:
        body = self._client.get_template(StackName=self.name, TemplateStage=stage)["TemplateBody"]
        # The SDK parses JSON; a template that is not YAML-compatible JSON stays a text.
        template: Json = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
        return template

    def last_failures(self) -> list[StackEvent]:
        """Return the current failures of resources."""
        return [
            StackEvent(
                id="",
                logical_id=resource["LogicalResourceId"],
                kind=resource["ResourceType"],
                status=resource["ResourceStatus"],
                reason=resource.get("ResourceStatusReason") or "",
            )
            for resource in self.resources()
            if resource["ResourceStatus"].endswith("_FAILED")
        ]

    def in_progress(self) -> list[str]:
        """Return the resources that CloudFormation is changing."""
        return [
            resource["LogicalResourceId"]
            for resource in self.resources()
            if resource["ResourceStatus"].endswith("_IN_PROGRESS")
        ]

    def create_change_set(
        self, template_url: str, parameters: Mapping[str, str], *, create: bool
    ) -> ChangeSet | None:
        """Create a change set for the template; return None if there are no changes. Raises InfraError."""
        created = self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{uuid.uuid4().hex}",
            ChangeSetType="CREATE" if create else "UPDATE",
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=_CAPABILITIES,
        )
        identifier: str = created["Id"]
        described = self._wait_for_change_set(identifier)
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason") or "CloudFormation gives no reason"
            # Before the change set is deleted, and its events with it.
            is_empty = reason.startswith(_NO_CHANGES)
            details = [] if is_empty else validation_errors(self._client, self.name, identifier)
            self._client.delete_change_set(StackName=self.name, ChangeSetName=identifier)
            if is_empty:
                return None
            raise InfraError("\n".join([f"CloudFormation could not create a change set: {reason}", *details]))
        return ChangeSet(identifier, read_changes(self._all_changes(identifier)))

    def delete_change_set(self, change_set: ChangeSet, *, created: bool) -> None:
        """Delete a change set that is not executed, and the empty stack of a first creation."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set.id)
        if created:
            self._client.delete_stack(StackName=self.name)

    def execute(self, change_set: ChangeSet) -> tuple[str, list[StackEvent]]:
        """Execute the change set and report its events; return the final status and all events."""
        execution = {"StackName": self.name, "ChangeSetName": change_set.id}
        return self._follow(lambda: self._client.execute_change_set(**execution))

    def validation_failures(self, events: Sequence[StackEvent]) -> list[str]:
        """Return the failures of CloudFormation's validation if the events of an operation refer to them."""
        if not any(VALIDATION_HINT in event.reason for event in events):
            return []
        return validation_errors(self._client, self.name)

    def delete(self) -> tuple[str, list[StackEvent]]:
        """Delete the stack and report the events; return the final status and all events."""
        return self._follow(lambda: self._client.delete_stack(StackName=self.name))

    def _follow(self, start: Callable[[], object]) -> tuple[str, list[StackEvent]]:
        described = self.describe()
        if described is None:
            raise InfraError(f"The stack {self.name} no longer exists: another process has deleted it")
        # By id: a deleted stack is not found by name.
        stack_id = described["StackId"]
        events = StackEvents(self._account, stack_id)
        start()
        seen: list[StackEvent] = []
        status = ""
        # From the stack's events: its status may still be the previous one right after the start.
        while not status or status.endswith("_IN_PROGRESS"):
            for event in events.poll():
                self._console.write(event.line())
                seen.append(event)
                if event.physical_id == stack_id:
                    status = event.status
            if not status or status.endswith("_IN_PROGRESS"):
                self._sleep(POLL_INTERVAL)
        return status, seen

    def _wait_for_change_set(self, identifier: str) -> Json:
        while True:
            described: Json = self._client.describe_change_set(StackName=self.name, ChangeSetName=identifier)
            if described["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                return described
            self._sleep(POLL_INTERVAL)

    def _all_changes(self, identifier: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("describe_change_set")
        # With the stack's name, because permissions are granted by it.
        for page in pages.paginate(StackName=self.name, ChangeSetName=identifier):
            yield from page["Changes"]
