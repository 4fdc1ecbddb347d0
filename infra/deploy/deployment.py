"""Deployment of a stage: from a build to working URLs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from infra.deploy import next_steps
from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts, Build
from infra.deploy.changes import Change, format_changes, warnings
from infra.deploy.console import Console
from infra.deploy.page import Page
from infra.deploy.page_check import PageCheck
from infra.deploy.prerequisites import Prerequisites
from infra.deploy.progress import StackEvent, explain_failures
from infra.deploy.releases import Release, Releases
from infra.deploy.secret import secrets_of
from infra.deploy.smoke import TIMEOUT, Check, Endpoint, SmokeCheck
from infra.deploy.stack import FAILED_CREATION, NOT_CREATED, ChangeSet, Stack
from infra.deploy.state import StageState, bind_state, read_state
from infra.deploy.streams import with_stream
from infra.deploy.tokens import token_for
from infra.errors import InfraError
from infra.stage import Stage
from infra.template.tables import PROTECTION

_SUCCESS = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_SMOKE_TOKEN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Overrides:
    """Overrides of safety checks."""

    lose_tables: Collection[str] = ()
    """Logical ids of tables that may be replaced or removed."""
    tables: tuple[str, str] | None = None
    """Existing tables, of conversations and of connections, that the stage uses from now on."""
    new_history: bool = False
    """Whether the data went back in time in another way than by a restore, so that clients load it again."""


NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True)
class DeployedStage:
    """A deployed stage."""

    http_url: str
    socket_url: str
    changed: bool
    """Whether the deployment changed anything."""


class Deployment:
    """One deployment of a stage to an account."""

    def __init__(
        self,
        account: Account,
        stage: Stage,
        console: Console,
        *,
        overrides: Overrides = NO_OVERRIDES,
        smoke_timeout: float = TIMEOUT,
        stack: Stack | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`smoke_timeout` is the timeout of the smoke check in seconds; tests pass `stack` and `now`."""
        self._account = account
        self._stage = stage
        self._console = console
        self._overrides = overrides
        self._smoke_timeout = smoke_timeout
        self._stack = stack or Stack(account, stage.full_name, console)
        self._secrets = secrets_of(account, stage)
        self._now = now

    def run(self, build: Build, release: Release | None = None) -> DeployedStage:
        """Deploy a build, or return to that of a release. Raises InfraError with the cause and the next steps."""
        self._console.require_confirmation("Deploying")
        self._require_complete_settings()
        create = self._prepare_stack()
        deployed_ids = {} if create else self._stack.physical_ids()
        prerequisites = Prerequisites(self._account, self._stage, self._console)
        prerequisites.check(build.template, deployed_ids)
        prerequisites.require_tables(self._overrides.tables or ())
        present = StageState() if create else read_state(self._stack.source_template())
        artefacts = Artefacts(self._account, self._stage, self._console)
        # The note of a stack that was deleted by hand must not prevent a new one.
        if not create and (present.fenced or artefacts.read_note() is not None):
            raise InfraError(
                f"A restore of stage {self._stage.name} is not finished: repeat it (python -m infra restore),"
                " or end it with --abandon"
            )
        artefacts.ensure_bucket()
        releases = Releases(artefacts, self._stage, self._now)
        if release is None:
            release = releases.begin(build, present.release)
        # A repeated creation has the same number, and so the same template.
        state = present.in_new_history(release.begun_at) if create else present
        state = with_stream(self._account, build.template, self._overridden(state), self._console)
        bound = bind_state(build.template, replace(state, release=release.number))
        url = artefacts.upload(replace(build, template=bound))
        change_set = self._stack.create_change_set(url, self._parameters(protected=not create), create=create)
        if change_set is None:
            self._console.write("No changes: the stack matches the template")
            self._ensure_secrets()
        else:
            self._apply(change_set, create=create)
        if create and self._stage.infra.production:
            self._protect(url)
        deployed = self._result(changed=change_set is not None)
        self._smoke_check(deployed, build.version, self._publish_page(build))
        releases.confirm(release)
        return deployed

    def _overridden(self, state: StageState) -> StageState:
        """Return the state of the stage, which the deployment keeps unless an option changes it."""
        if self._overrides.new_history:
            state = state.in_new_history(self._now())
        if self._overrides.tables is not None:
            state = state.with_tables(*self._overrides.tables, self._now())
        return state

    def _require_complete_settings(self) -> None:
        if placeholders := self._stage.placeholder_settings():
            raise InfraError(
                f"Stage {self._stage.name} has example values: set {', '.join(placeholders)}"
                " in .chalice/config.json"
            )

    def _prepare_stack(self) -> bool:
        """Check the stack's state, delete a failed creation, and return whether the stack must be created."""
        status = self._stack.status()
        if status in FAILED_CREATION:
            self._console.write(f"Stack {self._stack.name} could not be created last time ({status}): deleting it")
            final_status, events = self._stack.delete()
            if final_status != "DELETE_COMPLETE":
                raise InfraError(
                    "\n".join([f"It could not be deleted ({final_status})", *explain_failures(events)])
                )
            return True
        next_steps.require_updatable(self._stack, status)
        return status in NOT_CREATED

    def _apply(self, change_set: ChangeSet, *, create: bool) -> None:
        changes = change_set.changes
        verb = "Creating" if create else "Updating"
        self._console.write(f"{verb} the stack {self._stack.name} makes these changes:")
        for line in [*format_changes(changes), *warnings(changes)]:
            self._console.write(line)
        if unapproved := self._unapproved_losses(changes):
            self._stack.delete_change_set(change_set, created=create)
            options = " ".join(f"--lose-table {logical_id}" for logical_id in unapproved)
            raise InfraError(
                f"Refused: {', '.join(unapproved)} would be replaced or removed, with all data."
                f" Undo the change, or, if it is intended, add {options}"
            )
        if not self._console.confirm("Continue? [y/N]"):
            self._stack.delete_change_set(change_set, created=create)
            raise InfraError("No changes were made")
        self._ensure_secrets()
        self._execute(change_set)

    def _protect(self, url: str) -> None:
        """Protect new tables now: during the creation, protection would prevent a rollback."""
        self._console.write("Turning on deletion protection of the tables")
        change_set = self._stack.create_change_set(url, self._parameters(protected=True), create=False)
        if change_set is not None:
            self._execute(change_set)

    def _parameters(self, *, protected: bool) -> dict[str, str]:
        return {PROTECTION: str(protected).lower()} if self._stage.infra.production else {}

    def _execute(self, change_set: ChangeSet) -> None:
        status, events = self._stack.execute(change_set)
        if status not in _SUCCESS:
            raise InfraError(self._failure(status, events))

    def _unapproved_losses(self, changes: Sequence[Change]) -> list[str]:
        lost = [change.logical_id for change in changes if change.loses_a_table]
        return [logical_id for logical_id in lost if logical_id not in self._overrides.lose_tables]

    def _ensure_secrets(self) -> None:
        for secret in self._secrets:
            if secret.create_if_missing():
                self._console.write(
                    f"Created parameter {secret.name} with a random secret for this stage's tokens"
                )

    def _failure(self, status: str, events: Sequence[StackEvent]) -> str:
        head = f"The stack {self._stack.name} ended in {status}"
        causes = [*explain_failures(events), *self._stack.validation_failures(events)]
        return "\n".join([head, *causes, next_steps.after_failure(self._stage.name, status)])

    def _result(self, *, changed: bool) -> DeployedStage:
        outputs = self._stack.outputs()
        deployed = DeployedStage(outputs["HttpUrl"], outputs["SocketUrl"], changed)
        self._console.write(f"HTTP       {deployed.http_url}")
        self._console.write(f"WebSocket  {deployed.socket_url}")
        for prefix in ("Http", "Socket"):
            if url := outputs.get(f"{prefix}DomainUrl"):
                self._console.write(f"{url}: its DNS record must point to {outputs[f'{prefix}DomainTarget']}")
        return deployed

    def _publish_page(self, build: Build) -> list[Check]:
        """Upload the web page, if the stage has one, and return its checks.

        They use the generated name of the distribution: the DNS record of the page's domain may not exist yet.
        """
        if not build.page or not (web := self._stage.infra.web):
            return []
        outputs, page = self._stack.outputs(), Page(self._account, self._stage, web, self._console)
        page.upload(build.page, outputs)
        return PageCheck(
            f"https://{outputs['WebDomainTarget']}/", build.page, page.config(outputs).http_url
        ).checks()

    def _smoke_check(self, deployed: DeployedStage, version: str, more: Sequence[Check]) -> None:
        SmokeCheck(
            Endpoint(deployed.http_url, deployed.socket_url, version),
            self._console,
            token=self._token if self._secrets else None,
            more=more,
            timeout=self._smoke_timeout,
        ).run()

    def _token(self, participant_id: str) -> str:
        return token_for(self._account, self._stage, participant_id, None, _SMOKE_TOKEN_SECONDS)
