"""What destroying a stage says, removes and leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.errors import InfraError
from tests.deploy.fakes import TRIAL, Aws, FakeCloudFormation, FakeS3, FakeSsm, event, of_stack

BUCKET = "chat-artefacts-123456789012-eu-west-1-an"
MADE_BY_US = [{"Key": "made-by-deploying", "Value": "chat-try"}]
GONE = [of_stack("DELETE_IN_PROGRESS"), of_stack("DELETE_COMPLETE")]


def resource(logical_id: str, kind: str) -> dict[str, Any]:
    return event(logical_id, "CREATE_COMPLETE", kind=kind) | {"PhysicalResourceId": f"the-{logical_id}"}


def a_stage(*, keep_tables: bool = False, happens: list[dict[str, Any]] = GONE) -> Aws:
    resources = [
        resource("Api", "AWS::Lambda::Function"),
        resource("ConversationsTable", "AWS::DynamoDB::Table"),
        resource("GatewayAccount", "AWS::ApiGateway::Account"),
    ]
    template: dict[str, Any] = {"Resources": {each["LogicalResourceId"]: {} for each in resources}}
    template["Resources"]["GatewayAccount"]["DeletionPolicy"] = "Retain"
    if keep_tables:
        template["Resources"]["ConversationsTable"]["DeletionPolicy"] = "Retain"
    return Aws(
        FakeCloudFormation("UPDATE_COMPLETE", resources=resources, template=template, batches=[happens]),
        FakeS3({"chat-try/1.zip": b"", "chat-try/1.json": b"", "chat-prod/1.zip": b""}),
        FakeSsm({"/chat/try/secret": ("secret", MADE_BY_US)}),
    )


def test_everything_goes_but_what_is_kept_on_purpose_and_other_stages() -> None:
    aws = a_stage()
    kept = aws.destroying().run()
    assert [each["LogicalResourceId"] for each in kept] == ["GatewayAccount"]
    assert aws.cloudformation.status == "DELETE_COMPLETE"
    assert aws.s3.objects == {"chat-prod/1.zip": b""}
    assert aws.ssm.parameters == {}


def test_what_goes_and_what_stays_is_said_before_it_is_asked_for() -> None:
    aws = a_stage()
    said: list[str] = []

    def ask(question: str) -> str:
        said.extend([*aws.said, question])
        return "chat-try"

    aws.destroying(aws.console(yes=False, ask=ask)).run()
    assert said[:4] == [
        "The stack chat-try goes, and with it:",
        "    1 AWS::DynamoDB::Table",
        "    1 AWS::Lambda::Function",
        "!!! ConversationsTable (AWS::DynamoDB::Table) the-ConversationsTable: all that is in it will be LOST",
    ]
    assert "Then its uploads, and the secret of its tokens" in said
    assert any(line.startswith("  GatewayAccount (AWS::ApiGateway::Account)") for line in said)
    assert any(BUCKET in line for line in said)
    assert said[-1] == "Type chat-try to destroy it: "


def test_tables_of_production_stay_and_are_named() -> None:
    aws = a_stage(keep_tables=True)
    kept = aws.destroying().run()
    assert [each["LogicalResourceId"] for each in kept] == ["ConversationsTable", "GatewayAccount"]
    assert not any("LOST" in line for line in aws.said)
    assert any("the conversations of a production stage outlive it" in line for line in aws.said)


@pytest.mark.parametrize("answer", ["y", "yes", "", "chat-prod"])
def test_only_the_name_of_the_stack_destroys_it(answer: str) -> None:
    aws = a_stage()
    with pytest.raises(InfraError, match="Nothing was destroyed"):
        aws.destroying(aws.console(yes=False, ask=lambda _: answer)).run()
    assert aws.cloudformation.done == [] and len(aws.s3.objects or {}) == 3 and aws.ssm.parameters


def test_without_a_terminal_and_without_yes_nothing_is_begun() -> None:
    aws = a_stage()
    with pytest.raises(InfraError, match="no terminal"):
        aws.destroying(aws.console(yes=False)).run()
    assert aws.said == []


def test_a_deletion_that_fails_says_why_and_keeps_what_is_needed_to_go_on() -> None:
    stuck = [event("ConversationsTable", "DELETE_FAILED", "It is protected"), of_stack("DELETE_FAILED")]
    aws = a_stage(happens=stuck)
    with pytest.raises(InfraError, match=r"Root cause: ConversationsTable .*: It is protected\nPut right"):
        aws.destroying().run()
    assert len(aws.s3.objects or {}) == 3 and aws.ssm.parameters


def test_a_busy_stack_is_left_alone() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_IN_PROGRESS"))
    with pytest.raises(InfraError, match="busy"):
        aws.destroying().run()


def test_leftovers_go_where_the_stack_has_gone_already() -> None:
    aws = a_stage()
    aws.cloudformation.status = None
    assert aws.destroying().run() == []
    assert aws.s3.objects == {"chat-prod/1.zip": b""} and aws.ssm.parameters == {}
    assert "delete" not in aws.cloudformation.done


def test_where_nothing_is_nothing_is_done() -> None:
    aws = Aws()
    assert aws.destroying().run() == []
    assert aws.cloudformation.done == []


@pytest.mark.parametrize("tags", [[], [{"Key": "made-by-deploying", "Value": "chat-other"}]])
def test_a_secret_that_somebody_made_by_hand_stays(tags: list[dict[str, str]]) -> None:
    aws = a_stage()
    aws.ssm.parameters["/chat/try/secret"] = ("secret", tags)
    aws.destroying().run()
    assert "/chat/try/secret" in aws.ssm.parameters
    assert any("no deployment made it" in line for line in aws.said)


def test_a_stage_without_a_secret_leaves_parameters_alone() -> None:
    aws = a_stage()
    aws.destroying(stage=replace(TRIAL, environment={})).run()
    assert "/chat/try/secret" in aws.ssm.parameters
