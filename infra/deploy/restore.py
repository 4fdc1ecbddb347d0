"""Restore of a stage to a point in time.

Each step can be repeated, and continues by the state of the account and a note in the artefact bucket. So the
command can be killed anywhere; the same command continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from infra.deploy import next_steps
from infra.deploy.account import Account
from infra.deploy.artefacts import Artefacts
from infra.deploy.console import Console
from infra.deploy.smoke import TIMEOUT, Endpoint, SmokeCheck
from infra.deploy.stack import NOT_CREATED, Stack
from infra.deploy.state import CONNECTIONS, CONVERSATIONS, TABLES
from infra.errors import InfraError
from infra.restore.data import Connections, RestoreData, connections_client
from infra.restore.note import Note, Notebook
from infra.restore.stage_updates import StageUpdates
from infra.restore.tables import Tables
from infra.stage import Stage

_MARGIN = 5.0
"""Seconds to wait longer than the longest timeout: an invocation can begin while the update ends."""
_SWITCHED = "switched"


class Restore:
    """Restores one stage."""

    def __init__(
        self,
        account: Account,
        stage: Stage,
        console: Console,
        *,
        stack: Stack | None = None,
        smoke_timeout: float = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        connections: Connections = connections_client,
        updates: StageUpdates | None = None,
        check: Callable[[Endpoint], None] | None = None,
    ) -> None:
        """`smoke_timeout` is in seconds; tests pass the other options."""
        self._account = account
        self._stage = stage
        self._console = console
        self._stack = stack or Stack(account, stage.full_name, console)
        self._artefacts = Artefacts(account, stage, console)
        self._notebook = Notebook(self._artefacts)
        self._tables = Tables(account, console, sleep)
        self._updates = updates or StageUpdates(account, stage, console, self._stack, sleep)
        self._check = check or (
            lambda endpoint: SmokeCheck(endpoint, console, token=None, timeout=smoke_timeout).run()
        )
        self._sleep = sleep
        self._now = now
        self._connections = connections

    def run(self, at: datetime, *, force: bool = False) -> None:
        """Restore to a point in time, or continue an interrupted restore to it. Raises InfraError."""
        self._console.require_confirmation("Restoring")
        self._require_stack()
        note = self._notebook.read() or self._begin(at, force=force)
        if note.at != _text(at):
            raise InfraError(
                f"A restore to {note.at} is not finished: repeat it with --at {note.at}, or end it with --abandon"
            )
        note = self._step(note, "tables", self._make_tables)
        if _SWITCHED not in note.done and note.is_gone:
            # There is nothing to write to, and CloudFormation cannot update what refers to a missing table.
            note = self._step(note, "replayed", self._replay)
        elif _SWITCHED not in note.done:
            note = self._fence(note)
            note = self._step(note, "agreed", self._confirm_losses)
            note = self._step(note, "replayed", self._replay)
        note = self._step(note, _SWITCHED, self._updates.switch)
        self._updates.open(note.history_id)
        endpoint = self._updates.functions().variables()["CHAT_MANAGEMENT_ENDPOINT"]
        closed = self._data(note).end_connections(endpoint, self._connections)
        self._console.write(f"Closed {closed} connections")
        self._notebook.delete()
        self._report(note)

    def abandon(self) -> None:
        """End a restore before the stage uses the new tables: lift the fence. Raises InfraError."""
        self._console.require_confirmation("Abandoning")
        self._require_stack()
        note = self._notebook.read()
        if note is None:
            raise InfraError(f"No restore of stage {self._stage.name} has begun")
        if self._updates.state().tables == dict(zip(TABLES, note.new, strict=True)):
            raise InfraError(f"The stage uses the restored tables already: repeat the restore with --at {note.at}")
        if not self._console.confirm("The stage continues with its present tables. Continue? [y/N]"):
            raise InfraError("No changes were made")
        self._updates.open()
        self._notebook.delete()
        for name in note.new:
            self._console.write(f"Delete the table {name} if it is not needed")

    # ---- steps -----------------------------------------------------------------------------------------

    def _begin(self, at: datetime, *, force: bool) -> Note:
        """Announce the losses, ask, and note the restore."""
        state, ids = self._updates.state(), self._stack.physical_ids()
        old = {logical_id: state.tables.get(logical_id) or ids[logical_id] for logical_id in TABLES}
        is_gone = self._tables.describe(old[CONVERSATIONS]) is None
        if is_gone and not force:
            raise InfraError(
                f"The table {old[CONVERSATIONS]} is gone, so nothing can be replayed: erasures, deletions, bans"
                " and departures since then would be undone. --force restores the last backup nevertheless"
            )
        if not is_gone:
            self._tables.require_restorable(old[CONVERSATIONS], at)
        history, new = self._free_names(max(state.history + 1, int(self._now())))
        for line in _announcement(self._stack.name, at, self._now(), is_gone=is_gone):
            self._console.write(line)
        if not self._console.confirm(f"Type {self._stack.name} to restore it:", self._stack.name):
            raise InfraError("Nothing was restored")
        self._artefacts.ensure_bucket()
        note = Note(_text(at), history, (old[CONVERSATIONS], old[CONNECTIONS]), new, is_gone=is_gone)
        return self._notebook.write(note)

    def _free_names(self, history: int) -> tuple[int, tuple[str, str]]:
        """Return the first number from `history` on whose tables do not exist, and their names.

        Those of an abandoned restore contain the data of another time.
        """
        while True:
            names = tuple(f"{self._stage.full_name}-{kind}-{history}" for kind in ("conversations", "connections"))
            if all(self._tables.describe(name) is None for name in names):
                return history, (names[0], names[1])
            history += 1

    def _make_tables(self, note: Note) -> None:
        conversations, connections = note.new
        self._console.write(f"Restoring {note.old[0]} into {conversations}")
        if note.is_gone:
            self._tables.restore_deleted(note.old[0], conversations)
        else:
            self._tables.restore(note.old[0], conversations, datetime.fromisoformat(note.at))
        self._console.write(f"Creating {connections}")
        self._tables.create_connections(connections)
        for old, new in zip(note.old, note.new, strict=True):
            self._tables.configure(new, like=old, protected=self._stage.infra.production)
        if not note.is_gone:
            self._write_losses(note)

    def _fence(self, note: Note) -> Note:
        """Stop all writers, and wait until none of them can be running.

        If the fence was lifted meanwhile, as by --abandon, there are changes that have not been replayed.
        """
        if not self._updates.state().fenced or not note.fenced_at:
            self._updates.fence()
            done = tuple(step for step in note.done if step == "tables")
            note = self._notebook.write(replace(note, fenced_at=self._now(), done=done))
        left = note.fenced_at + self._updates.functions().longest_timeout() + _MARGIN - self._now()
        if left > 0:
            self._console.write(f"Waiting {left:.0f} s until no function can be running")
            self._sleep(left)
        return note

    def _confirm_losses(self, note: Note) -> None:
        self._write_losses(note)
        if not self._console.confirm("The stage is fenced. Continue? [y/N]"):
            raise InfraError(f"Repeat the restore with --at {note.at}, or end it with --abandon")

    def _write_losses(self, note: Note) -> None:
        losses = self._data(note).losses()
        self._console.write(
            f"Lost: {losses.conversations} new conversations; in others {losses.messages} messages,"
            f" {losses.events} events in all"
        )

    def _replay(self, note: Note) -> None:
        if not note.is_gone:
            self._console.write("Replaying what must not be undone")
            self._data(note).replay(self._updates.functions().variables())
        self._console.write(f"Took over {self._data(note).copy_revocations()} revocations of tokens")

    def _report(self, note: Note) -> None:
        outputs = self._stack.outputs()
        version = self._updates.functions().variables()["CHAT_VERSION"]
        self._check(Endpoint(outputs["HttpUrl"], outputs["SocketUrl"], version))
        reached = "the newest backup of its deleted table" if note.is_gone else note.at
        self._console.write(f"Stage {self._stage.name} is restored to {reached}, in history {note.history_id}")
        self._console.write("The old tables are kept, with personal data that no erasure reaches. Delete them:")
        for name in note.old:
            if self._tables.describe(name) is not None:
                self._console.write(f"  {name}")

    def _step(self, note: Note, name: str, run: Callable[[Note], None]) -> Note:
        """Run a step unless it is done, and note that it is."""
        if name in note.done:
            return note
        run(note)
        return self._notebook.mark(note, name)

    def _data(self, note: Note) -> RestoreData:
        return RestoreData(self._account, self._tables, note)

    def _require_stack(self) -> None:
        status = self._stack.status()
        if status in NOT_CREATED:
            raise InfraError(f"There is no stack {self._stack.name} to restore")
        next_steps.require_updatable(self._stack, status)


def _announcement(stack: str, at: datetime, now: float, *, is_gone: bool) -> list[str]:
    """Return the lines that say what a restore does."""
    if is_gone:
        return [
            f"{stack} goes back to the newest backup of its deleted table, whatever --at says",
            "  All changes since then will be LOST, and nothing is replayed",
            "  The stage is unavailable until the end",
        ]
    span = (now - at.timestamp()) / 60
    return [
        f"{stack} goes back to {_text(at)}: {span:.0f} minutes",
        "  All messages, joins and other changes since then will be LOST, except what is",
        "  replayed: erasures, deletions, departures, bans, mutes (docs/operations.md)",
        "  The stage is unavailable from the fence on until the end",
    ]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
