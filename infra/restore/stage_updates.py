"""The updates of the stack by which a stage is fenced, pointed at other tables, and opened again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts
from infra.deploy.changes import format_changes
from infra.deploy.console import Console
from infra.deploy.progress import explain_failures
from infra.deploy.stack import Stack
from infra.deploy.state import TABLES, StageState, bind_state, read_state
from infra.deploy.streams import with_stream
from infra.errors import InfraError
from infra.restore.functions import DeployedFunctions
from infra.restore.note import Note
from infra.stage import Stage
from infra.template.tables import PROTECTION


class StageUpdates:
    """Changes the state of one stage, and waits until all functions have taken the change."""

    def __init__(
        self,
        account: Account,
        stage: Stage,
        console: Console,
        stack: Stack,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._stage = stage
        self._console = console
        self._stack = stack
        self._artefacts = Artefacts(account, stage, console)
        self._sleep = sleep

    def state(self) -> StageState:
        """Return the state of the stage."""
        return read_state(self._stack.source_template())

    def functions(self) -> DeployedFunctions:
        """Return the functions of the stage."""
        return DeployedFunctions(self._account, self._stack.physical_ids(), sleep=self._sleep)

    def fence(self) -> None:
        """Stop all writers: every function is fenced when this returns."""
        self._update(replace(self.state(), fenced=True), "Fencing the stage")
        self.functions().wait_for(fenced=True)

    def switch(self, note: Note) -> None:
        """Point the fenced stage at the new tables."""
        tables = dict(zip(TABLES, note.new, strict=True))
        state = replace(self.state(), tables=tables, history=note.history, fenced=True)
        # A restored table has no stream.
        state = with_stream(self._account, self._stack.source_template(), state, self._console, self._sleep)
        self._update(state, "Pointing the stage at the new tables")
        self.functions().wait_for(fenced=True, history=note.history_id)

    def open(self, history: str | None = None) -> None:
        """Lift the fence, after all functions carry the history."""
        self._update(replace(self.state(), fenced=False), "Lifting the fence")
        self.functions().wait_for(fenced=False, history=history)

    def _update(self, state: StageState, description: str) -> None:
        """Update the stack to a state; it may have it already."""
        self._console.write(description)
        url = self._artefacts.upload_template(bind_state(self._stack.source_template(), state))
        parameters = {PROTECTION: "true"} if self._stage.infra.production else {}
        change_set = self._stack.create_change_set(url, parameters, create=False)
        if change_set is None:
            return
        for line in format_changes(change_set.changes):
            self._console.write(line)
        status, events = self._stack.execute(change_set)
        if status != "UPDATE_COMPLETE":
            raise InfraError(
                "\n".join([f"The stack {self._stack.name} ended in {status}", *explain_failures(events)])
            )
