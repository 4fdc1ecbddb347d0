"""Destroying a stage: what goes, what stays on purpose, and both said before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts
from infra.deploy.changes import TABLE
from infra.deploy.console import Console
from infra.deploy.progress import explain_failures
from infra.deploy.secret import secret_of
from infra.deploy.stack import NO_STACK, Stack
from infra.errors import InfraError
from infra.stage import Stage
from infra.template.names import Json

_KEEPING = {"Retain", "RetainExceptOnCreate"}


class Destroying:
    """Removing one stage from an account."""

    def __init__(self, account: Account, stage: Stage, console: Console, *, stack: Stack | None = None) -> None:
        self._stage = stage
        self._console = console
        self._stack = stack or Stack(account, stage.full_name, console)
        self._artefacts = Artefacts(account, stage, console)
        self._secret = secret_of(account, stage)

    def run(self) -> list[Json]:
        """Remove it; the resources that stay on purpose, as CloudFormation lists them. Raises InfraError."""
        self._console.check_can_agree("Destroying")
        ours = self._secret is not None and self._secret.is_ours()
        status = self._stack.status()
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise InfraError(f"The stack {self._stack.name} is busy ({status}): wait until it has finished")
        kept = self._announce(ours) if status != NO_STACK else []
        if status == NO_STACK:
            self._console.say(f"There is no stack {self._stack.name}; uploads and secret go, if there are any")
        if not self._console.agrees(f"Type {self._stack.name} to destroy it:", self._stack.name):
            raise InfraError("Nothing was destroyed")
        if status != NO_STACK:
            self._delete()
        self._remove_the_rest(ours)
        self._say_what_stays(kept, ours)
        return kept

    def _announce(self, ours: bool) -> list[Json]:
        there = [each for each in self._stack.resources() if each["ResourceStatus"] != "DELETE_COMPLETE"]
        keeping = self._kept_ids()
        kept = [each for each in there if each["LogicalResourceId"] in keeping]
        goes = [each for each in there if each["LogicalResourceId"] not in keeping]
        self._console.say(f"The stack {self._stack.name} goes, and with it:")
        for kind, count in sorted(Counter(each["ResourceType"] for each in goes).items()):
            self._console.say(f"  {count:>3} {kind}")
        for each in goes:
            if each["ResourceType"] == TABLE:
                self._console.say(f"!!! {_named(each)}: all that is in it will be LOST")
        self._console.say("Then its uploads" + (", and the secret of its tokens" if ours else ""))
        self._say_what_stays(kept, ours)
        return kept

    def _kept_ids(self) -> set[str]:
        # A stack that was never created has no template to ask.
        if self._stack.status() == "REVIEW_IN_PROGRESS":
            return set()
        resources = self._stack.template()["Resources"]
        return {name for name, each in resources.items() if each.get("DeletionPolicy") in _KEEPING}

    def _delete(self) -> None:
        status, happened = self._stack.delete()
        if status != "DELETE_COMPLETE":
            raise InfraError(
                "\n".join(
                    [
                        f"The stack {self._stack.name} ended in {status}",
                        *explain_failures(happened),
                        f"Put right what it says and run make destroy STAGE={self._stage.name} again",
                    ]
                )
            )

    def _remove_the_rest(self, ours: bool) -> None:
        removed = self._artefacts.remove()
        self._console.say(f"Removed {removed} uploaded files of the stage")
        if self._secret is not None and ours:
            self._secret.remove()
            self._console.say(f"Removed the parameter {self._secret.name}")

    def _say_what_stays(self, kept: Sequence[Json], ours: bool) -> None:
        self._console.say("On purpose there stay:")
        for each in kept:
            self._console.say(f"  {_named(each)}: {_why(each)}")
        self._console.say(f"  the bucket {self._artefacts.bucket}, which all stages of the account share")
        if self._secret is not None and not ours:
            self._console.say(f"  the parameter {self._secret.name}, if there is one: no deployment made it")


def _named(resource: Json) -> str:
    return f"{resource['LogicalResourceId']} ({resource['ResourceType']}) {resource.get('PhysicalResourceId', '')}"


def _why(resource: Json) -> str:
    if resource["ResourceType"] == TABLE:
        return "the conversations of a production stage outlive it"
    return "API Gateway writes the access logs of all stages by it"
