"""The output of a teardown, and what it deletes and retains."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from infra.deploy.state import StageState, bind_state
from infra.errors import InfraError
from infra.restore.note import Note
from tests.deploy.fakes import BUILD, TRIAL, Aws, FakeCloudFormation, FakeS3, FakeSsm, event, stack_event

BUCKET = "chat-artefacts-123456789012-eu-west-1-an"
MADE_BY_US = [{"Key": "made-by-deploying", "Value": "chat-try"}]
GONE = [stack_event("DELETE_IN_PROGRESS"), stack_event("DELETE_COMPLETE")]


def resource(logical_id: str, kind: str) -> dict[str, Any]:
    return event(logical_id, "CREATE_COMPLETE", kind=kind) | {"PhysicalResourceId": f"the-{logical_id}"}


def a_stage(*, keep_tables: bool = False, happens: list[dict[str, Any]] = GONE) -> Aws:
    resources = [
        resource("Api", "AWS::Lambda::Function"),
        resource("ConversationsTable", "AWS::DynamoDB::Table"),
        resource("GatewayAccount", "AWS::ApiGateway::Account"),
    ]
    template: dict[str, Any] = {"Resources": {item["LogicalResourceId"]: {} for item in resources}}
    template["Resources"]["GatewayAccount"]["DeletionPolicy"] = "Retain"
    if keep_tables:
        template["Resources"]["ConversationsTable"]["DeletionPolicy"] = "Retain"
    return Aws(
        FakeCloudFormation("UPDATE_COMPLETE", resources=resources, template=template, batches=[happens]),
        FakeS3({"chat-try/1.zip": b"", "chat-try/1.json": b"", "chat-prod/1.zip": b""}),
        FakeSsm({"/chat/try/secret": ("secret", MADE_BY_US)}),
    )


def test_teardown_deletes_all_but_retained_resources_and_other_stages() -> None:
    aws = a_stage()
    kept = aws.teardown().run()
    assert [item["LogicalResourceId"] for item in kept] == ["GatewayAccount"]
    assert aws.cloudformation.status == "DELETE_COMPLETE"
    assert aws.s3.objects == {"chat-prod/1.zip": b""}
    assert aws.ssm.parameters == {}


def test_tables_outside_the_stack_are_retained_and_listed() -> None:
    aws = a_stage()
    aws.cloudformation.source = bind_state(BUILD.template, StageState().with_tables("chat-a", "chat-b", now=1))
    aws.teardown().run()
    for name in ("chat-a", "chat-b"):
        assert aws.output.count(f"  the table {name}, which does not belong to the stack") == 2, "before and after"


def test_tables_of_an_unfinished_restore_are_listed() -> None:
    """They have the conversations, and nothing else names them when the note of the restore is deleted."""
    aws = a_stage()
    note = Note("2026-11-29T12:30:00+00:00", 7, ("chat-a", "chat-b"), ("chat-try-conversations-7", "chat-b"))
    assert aws.s3.objects is not None
    aws.s3.objects["chat-try/restore"] = json.dumps(asdict(note)).encode()
    aws.cloudformation.source = bind_state(BUILD.template, StageState().with_tables("chat-a", "chat-b", now=1))
    aws.teardown().run()
    made = [line for line in aws.output if line.endswith(", if it exists: an unfinished restore made it")]
    assert [line.split(",")[0] for line in made] == ["  the table chat-try-conversations-7"] * 2, (
        "before and after"
    )
    assert "chat-try/restore" not in aws.s3.objects


def test_deleted_and_retained_resources_are_listed_before_the_confirmation() -> None:
    aws = a_stage()
    lines: list[str] = []

    def ask(question: str) -> str:
        lines.extend([*aws.output, question])
        return "chat-try"

    aws.teardown(aws.console(yes=False, ask=ask)).run()
    assert lines[:4] == [
        "The stack chat-try will be deleted, with:",
        "    1 AWS::DynamoDB::Table",
        "    1 AWS::Lambda::Function",
        "!!! ConversationsTable (AWS::DynamoDB::Table) the-ConversationsTable: all data in it will be LOST",
    ]
    assert "Then its uploads, and the secret of its tokens" in lines
    assert any(line.startswith("  GatewayAccount (AWS::ApiGateway::Account)") for line in lines)
    assert any(BUCKET in line for line in lines)
    assert lines[-1] == "Type chat-try to destroy it: "


def test_production_tables_are_retained_and_named() -> None:
    aws = a_stage(keep_tables=True)
    kept = aws.teardown().run()
    assert [item["LogicalResourceId"] for item in kept] == ["ConversationsTable", "GatewayAccount"]
    assert not any("LOST" in line for line in aws.output)
    assert any("the conversations of a production stage outlive it" in line for line in aws.output)


@pytest.mark.parametrize("answer", ["y", "yes", "", "chat-prod"])
def test_only_the_name_of_the_stack_confirms(answer: str) -> None:
    aws = a_stage()
    with pytest.raises(InfraError, match="Nothing was destroyed"):
        aws.teardown(aws.console(yes=False, ask=lambda _: answer)).run()
    assert aws.cloudformation.done == [] and len(aws.s3.objects or {}) == 3 and aws.ssm.parameters


def test_nothing_starts_without_a_terminal_and_without_yes() -> None:
    aws = a_stage()
    with pytest.raises(InfraError, match="no terminal"):
        aws.teardown(aws.console(yes=False)).run()
    assert aws.output == []


def test_failed_deletion_is_explained_and_keeps_secret_and_uploads() -> None:
    stuck = [event("ConversationsTable", "DELETE_FAILED", "It is protected"), stack_event("DELETE_FAILED")]
    aws = a_stage(happens=stuck)
    with pytest.raises(InfraError, match=r"Root cause: ConversationsTable .*: It is protected\nFix the cause"):
        aws.teardown().run()
    assert len(aws.s3.objects or {}) == 3 and aws.ssm.parameters


def test_busy_stack_is_not_deleted() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_IN_PROGRESS"))
    with pytest.raises(InfraError, match="busy"):
        aws.teardown().run()


def test_uploads_and_secret_are_deleted_without_a_stack() -> None:
    aws = a_stage()
    aws.cloudformation.status = None
    assert aws.teardown().run() == []
    assert aws.s3.objects == {"chat-prod/1.zip": b""} and aws.ssm.parameters == {}
    assert "delete" not in aws.cloudformation.done


def test_teardown_without_a_stage_deletes_nothing() -> None:
    aws = Aws()
    assert aws.teardown().run() == []
    assert aws.cloudformation.done == []


@pytest.mark.parametrize("tags", [[], [{"Key": "made-by-deploying", "Value": "chat-other"}]])
def test_manually_created_secret_is_retained(tags: list[dict[str, str]]) -> None:
    aws = a_stage()
    aws.ssm.parameters["/chat/try/secret"] = ("secret", tags)
    aws.teardown().run()
    assert "/chat/try/secret" in aws.ssm.parameters
    assert any("no deployment created it" in line for line in aws.output)


def test_stage_without_a_secret_deletes_no_parameters() -> None:
    aws = a_stage()
    aws.teardown(stage=replace(TRIAL, environment={})).run()
    assert "/chat/try/secret" in aws.ssm.parameters
