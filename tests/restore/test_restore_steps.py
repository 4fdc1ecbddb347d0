"""A restore on fakes: interrupted after each step and repeated, forced, abandoned, and begun again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from infra.deploy.artefacts import Artefacts
from infra.deploy.restore import Restore
from infra.deploy.state import CONNECTIONS, CONVERSATIONS, StageState
from infra.errors import InfraError
from infra.restore.note import Note, Notebook
from tests.deploy.fakes import TRIAL, Aws, FakeCloudFormation, FakeS3, client_error, event

AT = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
OLD = ("the-ConversationsTable", "the-ConnectionsTable")
VARIABLES = {
    "CHAT_JWT_SECRET": "s" * 32,
    "CHAT_VERSION": "1+abc",
    "CHAT_MANAGEMENT_ENDPOINT": "https://example.com/try",
}
Json = dict[str, Any]


class Killed(Exception):
    """The process of the command has ended."""


@dataclass
class Tables:
    """DynamoDB with empty tables, by name; each has what made it."""

    made: dict[str, str] = field(default_factory=lambda: dict.fromkeys(OLD, "template"))
    backups: list[Json] = field(default_factory=list)
    configured: dict[str, Json] = field(default_factory=dict)
    unavailable: int = 0
    """How often recovery of new tables is refused: DynamoDB first enables their backups."""

    def describe_table(self, TableName: str) -> Json:  # noqa: N803
        if TableName not in self.made:
            raise client_error("DescribeTable", "ResourceNotFoundException")
        settings = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}, "TableArn": f"arn:{TableName}"}
        return {"Table": {"TableStatus": "ACTIVE", **settings, **self.configured.get(TableName, {})}}

    def describe_continuous_backups(self, TableName: str) -> Json:  # noqa: N803
        assert TableName in self.made
        reach = {
            "EarliestRestorableDateTime": datetime(2026, 11, 20, tzinfo=UTC),
            "LatestRestorableDateTime": datetime(2026, 11, 30, tzinfo=UTC),
        }
        recovery = {"PointInTimeRecoveryStatus": "ENABLED", **reach}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}

    def restore_table_to_point_in_time(self, *, SourceTableName: str, TargetTableName: str, **_: Any) -> None:  # noqa: N803
        assert SourceTableName in self.made
        self.made[TargetTableName] = f"{_['RestoreDateTime']:%H:%M}"

    def list_backups(self, TableName: str, BackupType: str) -> Json:  # noqa: N803
        assert (TableName, BackupType) == (OLD[0], "SYSTEM")
        return {"BackupSummaries": self.backups}

    def restore_table_from_backup(self, *, TargetTableName: str, BackupArn: str, **_: Any) -> None:  # noqa: N803
        self.made[TargetTableName] = BackupArn

    def create_table(self, TableName: str, **_: Any) -> None:  # noqa: N803
        self.made[TableName] = "empty"

    def describe_time_to_live(self, TableName: str) -> Json:  # noqa: N803
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}}

    def update_continuous_backups(self, TableName: str, **_: Any) -> None:  # noqa: N803
        if self.unavailable:
            self.unavailable -= 1
            raise client_error("UpdateContinuousBackups", "ContinuousBackupsUnavailableException")
        self.configured.setdefault(TableName, {})

    def list_tags_of_resource(self, ResourceArn: str) -> Json:  # noqa: N803
        return {"Tags": []}

    def query(self, TableName: str, **_: Any) -> Json:  # noqa: N803
        assert TableName in self.made
        return {"Items": []}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "scan"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, TableName: str, **_: Any) -> Iterator[Json]:  # noqa: N803
        assert TableName in self.made
        yield {"Items": []}


@dataclass
class Updates:
    """The updates of a stage, which are immediate."""

    current: StageState = field(default_factory=StageState)
    done: list[str] = field(default_factory=list)

    def state(self) -> StageState:
        return self.current

    def functions(self) -> Any:
        return SimpleNamespace(variables=lambda: dict(VARIABLES), longest_timeout=lambda: 30)

    def fence(self) -> None:
        self.done.append("fence")
        self.current = replace(self.current, fenced=True)

    def switch(self, note: Note) -> None:
        self.done.append("switch")
        tables = {CONVERSATIONS: note.new[0], CONNECTIONS: note.new[1]}
        self.current = StageState(tables=tables, history=note.history, fenced=True)

    def open(self, history: str | None = None) -> None:
        self.done.append("open")
        self.current = replace(self.current, fenced=False)


class Scene:
    """A stage, and the clock of the one who restores it."""

    def __init__(self, *, is_gone: bool = False, backups: int = 2) -> None:
        resources = [
            event(name, "CREATE_COMPLETE", kind="AWS::DynamoDB::Table") | {"PhysicalResourceId": f"the-{name}"}
            for name in (CONVERSATIONS, CONNECTIONS)
        ]
        self.tables, self.updates = Tables(), Updates()
        if is_gone:
            del self.tables.made[OLD[0]]
        self.tables.backups = [
            {"BackupArn": f"backup-{day}", "BackupCreationDateTime": datetime(2026, 11, day, tzinfo=UTC)}
            for day in range(10, 10 + backups)
        ]
        outputs = {"HttpUrl": "https://http", "SocketUrl": "wss://socket"}
        cloudformation = FakeCloudFormation("UPDATE_COMPLETE", resources=resources, outputs=outputs)
        self.aws = Aws(cloudformation, FakeS3({}), dynamodb=self.tables)  # type: ignore[arg-type]
        self.now = AT.timestamp() + 600
        self.slept = 0.0

    def command(self, *, ask: Callable[[str], str] | None = None, dies_at: str = "") -> Restore:
        """Return the command; it dies when it has done a step, or has written a line."""
        console = self.aws.console(yes=ask is None, ask=ask)
        return Restore(
            self.aws.account,
            TRIAL,
            console,
            stack=self.aws._stack(console),
            sleep=self.sleep,
            now=lambda: self.now,
            connections=lambda endpoint, region: None,
            updates=_mortal(self.updates, dies_at),
            check=lambda endpoint: None,
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds

    def note(self) -> Note | None:
        return Notebook(Artefacts(self.aws.account, TRIAL, self.aws.console())).read()

    def kill_after(self, step: str, *, force: bool = False) -> None:
        """Run the command until a step is done, and its note written unless the step is `begun` or `fence`."""
        notebook = Notebook.mark
        if step in ("begun", "fence", "switch", "open"):
            with pytest.raises(Killed):
                self.command(dies_at=step).run(AT, force=force)
            return

        class Mortal(Notebook):
            def mark(self, note: Note, done: str) -> Note:
                marked = notebook(self, note, done)
                if done == step:
                    raise Killed
                return marked

        command = self.command()
        command._notebook = Mortal(command._artefacts)
        with pytest.raises(Killed):
            command.run(AT, force=force)


def _mortal(updates: Updates, dies_at: str) -> Any:
    """Return updates during one of which the process dies: it is done, and nothing after it."""

    class Mortal:
        def __getattr__(self, name: str) -> Any:
            method = getattr(updates, name)

            def run(*arguments: Any) -> Any:
                result = method(*arguments)
                if name == dies_at:
                    raise Killed
                return result

            return run

    return Mortal()


STEPS = ("tables", "fence", "agreed", "replayed")
"""The steps before the stage uses the new tables."""


def finished(scene: Scene) -> None:
    """Check that the stage works with the new tables, and that no restore is unfinished."""
    assert scene.note() is None
    assert not scene.updates.current.fenced
    assert scene.updates.current.tables.keys() == {CONVERSATIONS, CONNECTIONS}
    assert "switch" in scene.updates.done
    assert scene.updates.done[-1] == "open"
    assert any(line.startswith("Stage try is restored to ") for line in scene.aws.output)


@pytest.mark.parametrize("step", [*STEPS, "switch", "switched", "open"])
@pytest.mark.parametrize("force", [False, True])
def test_restore_that_is_killed_after_any_step_finishes_when_it_is_repeated(step: str, force: bool) -> None:
    scene = Scene()
    scene.kill_after(step, force=force)
    scene.command().run(AT)
    finished(scene)
    assert scene.updates.done.index("fence") < scene.updates.done.index("switch")
    assert scene.slept >= 30, "no function is running when the old table is read"
    assert scene.tables.made[scene.updates.current.tables[CONVERSATIONS]] == "12:30"
    assert "Replaying what must not be undone" in scene.aws.output, "--force does not skip the replay"


def test_recovery_of_a_new_table_is_turned_on_when_dynamodb_can() -> None:
    scene = Scene()
    scene.tables.unavailable = 3
    scene.command().run(AT)
    finished(scene)
    assert scene.aws.output.count(f"  {scene.updates.current.tables[CONVERSATIONS]} cannot be backed up yet") == 3
    assert scene.tables.configured.keys() == set(scene.updates.current.tables.values())


def test_recovery_that_stays_unavailable_is_an_error_after_which_the_command_is_repeated() -> None:
    scene = Scene()
    scene.tables.unavailable = 240
    with pytest.raises(InfraError, match="is still not available"):
        scene.command().run(AT)
    assert scene.slept == 1_200
    scene.command().run(AT)
    finished(scene)


# ---- the old table is gone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("is_without_connections", [False, True])
def test_forced_restore_of_a_deleted_table_uses_the_newest_backup(is_without_connections: bool) -> None:
    scene = Scene(is_gone=True)
    if is_without_connections:
        del scene.tables.made[OLD[1]]
    with pytest.raises(InfraError, match="--force restores the last backup nevertheless"):
        scene.command().run(AT)
    assert (scene.note(), scene.updates.done) == (None, [])
    scene.command().run(AT, force=True)
    finished(scene)
    assert scene.tables.made[scene.updates.current.tables[CONVERSATIONS]] == "backup-11"
    assert scene.updates.done == ["switch", "open"], "there is no table to fence"
    assert "Replaying what must not be undone" not in scene.aws.output
    output = "\n".join(scene.aws.output)
    assert "goes back to the newest backup of its deleted table, whatever --at says" in output
    assert "Stage try is restored to the newest backup of its deleted table" in output
    assert AT.isoformat() not in output, "nothing is said to be as it was then"


@pytest.mark.parametrize("step", ["tables", "replayed", "switch", "switched", "open"])
def test_forced_restore_that_is_killed_after_any_step_finishes_when_it_is_repeated(step: str) -> None:
    scene = Scene(is_gone=True)
    scene.kill_after(step, force=True)
    scene.command().run(AT)
    finished(scene)


def test_forced_restore_without_a_backup_is_an_error_that_can_be_abandoned() -> None:
    scene = Scene(is_gone=True, backups=0)
    for _ in range(2):
        with pytest.raises(InfraError, match="is gone, and DynamoDB keeps no backup of it"):
            scene.command().run(AT, force=True)
    scene.command().abandon()
    assert scene.note() is None
    assert scene.updates.current == StageState()


# ---- abandoned ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_restore_is_abandoned_after_any_step_before_the_switch_and_begun_again(step: str) -> None:
    scene = Scene()
    scene.kill_after(step)
    first = scene.note()
    assert first is not None
    scene.command().abandon()
    assert scene.note() is None
    assert scene.updates.current == StageState(), "the stage works with its tables"
    assert {f"Delete the table {name} if it is not needed" for name in first.new} <= {*scene.aws.output}
    scene.now = AT.timestamp() + 600  # the clock of another machine
    later = AT.replace(minute=31)
    scene.command().run(later)
    finished(scene)
    used = scene.updates.current
    assert used.history > first.history
    assert {*used.tables.values()}.isdisjoint(first.new), "not the tables of the abandoned restore"
    assert scene.tables.made[used.tables[CONVERSATIONS]] == "12:31"


@pytest.mark.parametrize("step", ["switch", "switched", "open"])
def test_restore_is_not_abandoned_when_the_stage_uses_the_new_tables(step: str) -> None:
    scene = Scene()
    scene.kill_after(step)
    before, note = scene.updates.current, scene.note()
    with pytest.raises(InfraError, match="The stage uses the restored tables already: repeat the restore with"):
        scene.command().abandon()
    assert (scene.updates.current, scene.note()) == (before, note)
    scene.command().run(AT)
    finished(scene)


def test_abandoning_that_is_declined_changes_nothing() -> None:
    scene = Scene()
    scene.kill_after("fence")
    note = scene.note()
    with pytest.raises(InfraError, match="No changes were made"):
        scene.command(ask=lambda question: "n").abandon()
    assert scene.note() == note
    assert scene.updates.current.fenced


def test_abandoning_that_is_killed_is_repeated() -> None:
    scene = Scene()
    scene.kill_after("agreed")
    with pytest.raises(Killed):
        scene.command(dies_at="open").abandon()
    assert scene.note() is not None
    scene.command().abandon()
    assert scene.note() is None
    assert not scene.updates.current.fenced


def test_restore_continues_after_an_abandoning_that_was_killed() -> None:
    """The stage has worked in between: it is fenced again, asks again, and replays later changes."""
    scene = Scene()
    scene.kill_after("replayed")
    with pytest.raises(Killed):
        scene.command(dies_at="open").abandon()
    waited, replays = scene.slept, scene.aws.output.count("Replaying what must not be undone")
    scene.command().run(AT)
    finished(scene)
    assert scene.updates.done == ["fence", "open", "fence", "switch", "open"]
    assert scene.slept >= waited + 30
    assert scene.aws.output.count("Replaying what must not be undone") == replays + 1
