"""The questions and refusals of a restore, on fakes; the whole restore runs on the emulator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.__main__ import main
from infra.deploy.artefacts import Artefacts
from infra.deploy.restore import Restore
from infra.errors import InfraError
from infra.restore.note import Note, Notebook
from tests.deploy.fakes import TRIAL, Aws, FakeCloudFormation, FakeDynamoDb, FakeS3, event

AT = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
OWN = {name: ["pk", "sk"] for name in ("the-ConversationsTable", "the-ConnectionsTable")}
RESOURCES = [
    event(name, "CREATE_COMPLETE", kind="AWS::DynamoDB::Table") | {"PhysicalResourceId": f"the-{name}"}
    for name in ("ConversationsTable", "ConnectionsTable")
]


class Recoverable(FakeDynamoDb):
    """Tables with point-in-time recovery."""

    status = "ENABLED"

    def describe_continuous_backups(self, TableName: str) -> dict[str, Any]:  # noqa: N803
        assert TableName in self.tables
        recovery = {
            "PointInTimeRecoveryStatus": self.status,
            "EarliestRestorableDateTime": datetime(2026, 11, 20, tzinfo=UTC),
            "LatestRestorableDateTime": datetime(2026, 11, 29, 13, 0, tzinfo=UTC),
        }
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}


class Unrecoverable(Recoverable):
    """Tables without it."""

    status = "DISABLED"


def account(dynamodb: FakeDynamoDb, status: str | None = "UPDATE_COMPLETE") -> Aws:
    return Aws(FakeCloudFormation(status, resources=RESOURCES), FakeS3({}), dynamodb=dynamodb)


def restore(aws: Aws, *, ask: Any = None) -> Restore:
    console = aws.console(yes=ask is None, ask=ask)
    now = AT.timestamp() + 600
    return Restore(aws.account, TRIAL, console, stack=aws._stack(console), now=lambda: now)


def refusal(aws: Aws, at: datetime = AT, **options: Any) -> str:
    with pytest.raises(InfraError) as refused:
        restore(aws, **options).run(at)
    assert aws.cloudformation.done == []
    return str(refused.value)


def test_restore_of_a_missing_stage_is_an_error() -> None:
    assert refusal(account(Recoverable(dict(OWN)), None)) == "There is no stack chat-try to restore"


def test_restore_waits_for_another_operation() -> None:
    assert "is busy" in refusal(account(Recoverable(dict(OWN)), "UPDATE_IN_PROGRESS"))


def test_missing_old_table_is_refused_because_nothing_could_be_replayed() -> None:
    message = refusal(account(Recoverable({})))
    assert message.startswith("The table the-ConversationsTable is gone, so nothing can be replayed: erasures,")
    assert "--force" in message


@pytest.mark.parametrize("day", [1, 30])
def test_time_that_recovery_does_not_reach_is_refused(day: int) -> None:
    message = refusal(account(Recoverable(dict(OWN))), AT.replace(day=day))
    assert message == (
        "The table the-ConversationsTable can be restored to 2026-11-20T00:00:00Z until 2026-11-29T13:00:00Z"
    )


def test_table_without_recovery_is_refused() -> None:
    assert "there is nothing to restore from" in refusal(account(Unrecoverable(dict(OWN))))


def test_losses_are_announced_before_anything_is_done() -> None:
    aws = account(Recoverable(dict(OWN)))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.extend([*aws.output, question])
        return "y"

    assert refusal(aws, ask=ask) == "Nothing was restored"
    assert asked[0] == "chat-try goes back to 2026-11-29T12:30:00+00:00: 10 minutes"
    assert asked[1].startswith("  All messages, joins and other changes since then will be LOST")
    assert asked[-1] == "Type chat-try to restore it: "
    assert aws.s3.objects == {}


def test_restore_that_has_not_begun_cannot_be_abandoned() -> None:
    with pytest.raises(InfraError, match="No restore of stage try has begun"):
        restore(account(Recoverable(dict(OWN)))).abandon()


def test_restore_to_another_time_is_refused_while_one_is_unfinished() -> None:
    aws = account(Recoverable(dict(OWN)))
    note = Note(AT.isoformat(), 7, ("the-ConversationsTable", "the-ConnectionsTable"), ("chat-a", "chat-b"))
    Notebook(Artefacts(aws.account, TRIAL, aws.console())).write(note)
    message = refusal(aws, AT.replace(minute=31))
    assert message.startswith("A restore to 2026-11-29T12:30:00+00:00 is not finished: repeat it with --at 2026")
    assert not any("goes back" in line for line in aws.output), "it does not begin again"


@pytest.mark.parametrize("text", ["yesterday", "2026-11-29T12:30:00", "2026-11-29T12:30:00.5Z"])
def test_time_without_a_zone_or_with_fractions_is_rejected(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["restore", "--stage", "dev", "--at", text])
    assert "a time needs whole seconds and a time zone" in capsys.readouterr().err
