"""Deploying a stage: from a build to URLs that answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from infra.deploy import next_steps
from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts, Build
from infra.deploy.changes import Change, table, warnings
from infra.deploy.console import Console
from infra.deploy.progress import Event, explain_failures
from infra.deploy.secret import SecretParameter, secret_of
from infra.deploy.smoke import PATIENCE, Place, SmokeCheck
from infra.deploy.stack import FAILED_CREATION, NEW, ChangeSet, Stack
from infra.deploy.tokens import token_for
from infra.errors import InfraError
from infra.stage import Stage
from infra.template.tables import PROTECTION

_SUCCESS = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_SMOKE_TOKEN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the person allows beyond the ordinary."""

    lose_tables: Collection[str] = ()
    """Logical ids of tables that may be replaced or removed."""


NOTHING_MORE = Permissions()


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stage that stands."""

    http_url: str
    socket_url: str
    changed: bool
    """Whether there was anything to do."""


class Deploying:
    """One deployment of a stage into an account."""

    def __init__(
        self,
        account: Account,
        stage: Stage,
        console: Console,
        *,
        permissions: Permissions = NOTHING_MORE,
        patience: float = PATIENCE,
        stack: Stack | None = None,
    ) -> None:
        """`stack` is given by tests; `patience` is the smoke check's."""
        self._account = account
        self._stage = stage
        self._console = console
        self._permissions = permissions
        self._patience = patience
        self._stack = stack or Stack(account, stage.full_name, console)
        self._secret = secret_of(account, stage)

    def run(self, build: Build) -> Deployed:
        """Deploy a build. Raises InfraError: what went wrong, and what to do next."""
        self._console.check_can_agree("Deploying")
        self._check_can_be_deployed()
        create = self._begin()
        url = Artefacts(self._account, self._stage, self._console).upload(build)
        change_set = self._stack.compare(url, self._parameters(protected=not create), create=create)
        if change_set is None:
            self._console.say("Nothing to change: the stack is as the template wants it")
            self._make_secret()
        else:
            self._change(change_set, create=create)
        if create and self._stage.infra.production:
            self._protect(url)
        deployed = self._result(changed=change_set is not None)
        self._check(deployed, build.version)
        return deployed

    def _check_can_be_deployed(self) -> None:
        if unfinished := self._stage.unfinished():
            raise InfraError(
                f"Stage {self._stage.name} names examples: set {', '.join(unfinished)} in .chalice/config.json"
            )

    def _begin(self) -> bool:
        """Look at the stack as it is, and clear away what a failed creation left; whether it has to be created."""
        status = self._stack.status()
        if status in FAILED_CREATION:
            self._console.say(f"The stack {self._stack.name} was not created last time ({status}): deleting it")
            ended, happened = self._stack.delete()
            if ended != "DELETE_COMPLETE":
                raise InfraError("\n".join([f"It could not be deleted ({ended})", *explain_failures(happened)]))
            return True
        next_steps.check_can_be_updated(self._stack, status)
        return status in NEW

    def _change(self, change_set: ChangeSet, *, create: bool) -> None:
        changes = change_set.changes
        verb = "Creating" if create else "Updating"
        self._console.say(f"{verb} the stack {self._stack.name} would change this:")
        for line in [*table(changes), *warnings(changes)]:
            self._console.say(line)
        if refused := self._refused(changes):
            self._stack.discard(change_set, created=create)
            options = " ".join(f"--lose-table {each}" for each in refused)
            raise InfraError(
                f"Refused: {', '.join(refused)} would be replaced or removed, and with it the data."
                f" Undo the change, or, if that is what you want, say so: {options}"
            )
        if not self._console.agrees("Go ahead? [y/N]"):
            self._stack.discard(change_set, created=create)
            raise InfraError("Nothing was changed")
        self._make_secret()
        self._execute(change_set)

    def _protect(self, url: str) -> None:
        """Protect tables that were just made: not before, as CloudFormation could not have deleted them again."""
        self._console.say("Protecting the tables against deletion")
        change_set = self._stack.compare(url, self._parameters(protected=True), create=False)
        if change_set is not None:
            self._execute(change_set)

    def _parameters(self, *, protected: bool) -> dict[str, str]:
        return {PROTECTION: str(protected).lower()} if self._stage.infra.production else {}

    def _execute(self, change_set: ChangeSet) -> None:
        status, happened = self._stack.execute(change_set)
        if status not in _SUCCESS:
            raise InfraError(self._failure(status, happened))

    def _refused(self, changes: Sequence[Change]) -> list[str]:
        lost = [each.logical_id for each in changes if each.loses_a_table]
        return [each for each in lost if each not in self._permissions.lose_tables]

    def _make_secret(self) -> None:
        secret: SecretParameter | None = self._secret
        if secret is not None and secret.make():
            self._console.say(f"Made the parameter {secret.name} with a random secret for this stage's tokens")

    def _failure(self, status: str, happened: Sequence[Event]) -> str:
        head = f"The stack {self._stack.name} ended in {status}"
        return "\n".join([head, *explain_failures(happened), next_steps.after_failure(self._stage.name, status)])

    def _result(self, *, changed: bool) -> Deployed:
        outputs = self._stack.outputs()
        deployed = Deployed(outputs["HttpUrl"], outputs["SocketUrl"], changed)
        self._console.say(f"HTTP       {deployed.http_url}")
        self._console.say(f"WebSocket  {deployed.socket_url}")
        return deployed

    def _check(self, deployed: Deployed, version: str) -> None:
        SmokeCheck(
            Place(deployed.http_url, deployed.socket_url, version),
            self._console,
            token=None if self._secret is None else self._token,
            patience=self._patience,
        ).run()

    def _token(self, participant_id: str) -> str:
        return token_for(self._account, self._stage, participant_id, None, _SMOKE_TOKEN_SECONDS)
