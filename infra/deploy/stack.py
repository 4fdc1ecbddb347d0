"""One CloudFormation stack: what state it is in, what a template would change, and following what it does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.account import Account
from infra.deploy.changes import Change, read_changes
from infra.deploy.console import Console
from infra.deploy.error_messages import message_of
from infra.deploy.progress import StackEvent, StackEvents
from infra.errors import InfraError
from infra.template.names import Json

POLL_INTERVAL = 2.0
"""Seconds between two looks at what CloudFormation does."""
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# CloudFormation's two sentences for a change set that is empty.
_NO_CHANGES = ("The submitted information didn't contain changes", "No updates are to be performed")
NO_STACK = "NO_STACK"
NOT_CREATED = {NO_STACK, "REVIEW_IN_PROGRESS"}
"""States in which there is nothing yet: the stack is still to be created."""
FAILED_CREATION = {"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"}
"""States of a stack whose creation failed. CloudFormation can only delete it."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What a template would change, ready to be executed."""

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
        """The stack as CloudFormation describes it, None if there is none."""
        try:
            (stack,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in message_of(error):
                return None
            raise
        described: Json = stack
        return None if described["StackStatus"] == "DELETE_COMPLETE" else described

    def status(self) -> str:
        """Its status, `NO_STACK` if there is none."""
        stack = self.describe()
        return NO_STACK if stack is None else str(stack["StackStatus"])

    def outputs(self) -> dict[str, str]:
        """Its outputs by name."""
        stack = self.describe() or {}
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def resources(self) -> list[Json]:
        """Its resources, as ListStackResources gives them."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [each for page in pages for each in page["StackResourceSummaries"]]

    def template(self) -> Json:
        """The template that it stands by, with SAM translated."""
        body = self._client.get_template(StackName=self.name, TemplateStage="Processed")["TemplateBody"]
        template: Json = body
        return template

    def last_failures(self) -> list[StackEvent]:
        """What is wrong with its resources now."""
        return [
            StackEvent(
                id="",
                logical_id=each["LogicalResourceId"],
                kind=each["ResourceType"],
                status=each["ResourceStatus"],
                reason=each.get("ResourceStatusReason") or "",
            )
            for each in self.resources()
            if each["ResourceStatus"].endswith("_FAILED")
        ]

    def in_progress(self) -> list[str]:
        """The resources that CloudFormation is working on."""
        return [
            each["LogicalResourceId"]
            for each in self.resources()
            if each["ResourceStatus"].endswith("_IN_PROGRESS")
        ]

    def create_change_set(
        self, template_url: str, parameters: Mapping[str, str], *, create: bool
    ) -> ChangeSet | None:
        """A change set towards the template; None if there is nothing to do. Raises InfraError."""
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
            reason = described.get("StatusReason") or "for no reason that CloudFormation gives"
            self._client.delete_change_set(ChangeSetName=identifier)
            if reason.startswith(_NO_CHANGES):
                return None
            raise InfraError(f"CloudFormation cannot work out what to change: {reason}")
        return ChangeSet(identifier, read_changes(self._all_changes(identifier)))

    def delete_change_set(self, change_set: ChangeSet, *, created: bool) -> None:
        """Forget a change set that is not wanted; with it the empty stack that was to hold a first creation."""
        self._client.delete_change_set(ChangeSetName=change_set.id)
        if created:
            self._client.delete_stack(StackName=self.name)

    def execute(self, change_set: ChangeSet) -> tuple[str, list[StackEvent]]:
        """Carry it out, telling what happens; the stack's status at the end, and all that happened."""
        return self._follow(lambda: self._client.execute_change_set(ChangeSetName=change_set.id))

    def delete(self) -> tuple[str, list[StackEvent]]:
        """Delete the stack, telling what happens; the status at the end, and all that happened."""
        return self._follow(lambda: self._client.delete_stack(StackName=self.name))

    def _follow(self, start: Callable[[], object]) -> tuple[str, list[StackEvent]]:
        described = self.describe()
        if described is None:
            raise InfraError(f"The stack {self.name} has gone meanwhile: somebody else is deleting it")
        # By its id: a stack that has been deleted is no longer found by its name.
        stack_id = described["StackId"]
        events = StackEvents(self._account, stack_id)
        start()
        seen: list[StackEvent] = []
        status = ""
        # By its own events: right after the beginning its status is still the one from before.
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
            described: Json = self._client.describe_change_set(ChangeSetName=identifier)
            if described["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                return described
            self._sleep(POLL_INTERVAL)

    def _all_changes(self, identifier: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("describe_change_set").paginate(ChangeSetName=identifier):
            yield from page["Changes"]
