"""Rollback of a stage to an earlier release: its bundle, template and settings, on the present tables."""

from __future__ import annotations

from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts, Build
from infra.deploy.console import Console
from infra.deploy.deployment import DeployedStage, Deployment
from infra.deploy.releases import Releases
from infra.deploy.smoke import TIMEOUT
from infra.deploy.stack import NOT_CREATED, Stack
from infra.deploy.state import read_state
from infra.errors import InfraError
from infra.stage import Stage


class Rollback:
    """Returns one stage to a release that is kept in the artefact bucket."""

    def __init__(
        self,
        account: Account,
        stage: Stage,
        console: Console,
        *,
        smoke_timeout: float = TIMEOUT,
        stack: Stack | None = None,
    ) -> None:
        self._account = account
        self._stage = stage
        self._console = console
        self._smoke_timeout = smoke_timeout
        self._stack = stack or Stack(account, stage.full_name, console)

    def run(self, to: str | None = None) -> DeployedStage:
        """Deploy the release before the present one, or the release `to`. Raises InfraError."""
        self._console.require_confirmation("Rolling back")
        if self._stack.status() in NOT_CREATED:
            raise InfraError(f"There is no stack {self._stack.name} to roll back")
        present = read_state(self._stack.source_template()).release
        artefacts = Artefacts(self._account, self._stage, self._console)
        release = Releases(artefacts, self._stage).target(present, to)
        self._console.write(f"Rolling back from release {present} to {release.line()}")
        deployment = Deployment(
            self._account,
            release.restored_stage(),
            self._console,
            smoke_timeout=self._smoke_timeout,
            stack=self._stack,
        )
        return deployment.run(Build(artefacts.read(release.bundle), release.template), release)
