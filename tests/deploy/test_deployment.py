"""What a deployment decides, in the states that a stack can be in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from infra.deploy.deployment import Deployment, Overrides
from infra.errors import InfraError
from infra.stage import InfraSettings
from tests.deploy.fakes import BUILD, TRIAL, Aws, FakeCloudFormation, change, event, of_stack

TABLE = "AWS::DynamoDB::Table"
ADDED = change("Add", "Api", "AWS::Lambda::Function")
REPLACED = change("Modify", "ConversationsTable", TABLE, Replacement="True")
PRODUCTION = replace(TRIAL, infra=InfraSettings(production=True))
FAILED_CREATION = [
    of_stack("CREATE_IN_PROGRESS"),
    event("Connect", "CREATE_FAILED", "Resource creation cancelled"),
    event("Api", "CREATE_FAILED", "The role is not known to Lambda"),
    of_stack("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Api]"),
    of_stack("ROLLBACK_COMPLETE"),
]


def failure_of(deploying: Deployment) -> str:
    with pytest.raises(InfraError) as caught:
        deploying.run(BUILD)
    return str(caught.value)


def test_without_a_terminal_and_without_yes_nothing_is_begun() -> None:
    aws = Aws()
    assert "no terminal" in failure_of(aws.deploying(aws.console(yes=False)))
    assert aws.s3.called == [] and aws.cloudformation.done == []


def test_a_stage_that_names_examples_is_not_deployed() -> None:
    aws = Aws()
    stage = replace(TRIAL, environment={"CHAT_JWKS_URL": "https://id.example.com/keys"})
    assert "set CHAT_JWKS_URL" in failure_of(Deployment(aws.account, stage, aws.console()))
    assert aws.s3.called == []


@pytest.mark.parametrize("answer", ["", "n", "no", "chat-try"])
def test_who_does_not_agree_changes_nothing(answer: str) -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [ADDED]))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    assert failure_of(aws.deploying(aws.console(yes=False, ask=ask))) == "Nothing was changed"
    assert asked == ["Go ahead? [y/N] "]
    assert "  1 to add" in aws.said
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]
    assert aws.ssm.parameters == {}


def test_who_does_not_agree_to_a_first_creation_leaves_no_empty_stack_behind() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED]))
    failure_of(aws.deploying(aws.console(yes=False, ask=lambda _: "n")))
    assert aws.cloudformation.done == ["compare CREATE", "forget", "delete"]


@pytest.mark.parametrize("lost", [REPLACED, change("Remove", "ConversationsTable", TABLE)])
def test_the_loss_of_a_table_is_refused_however_much_was_agreed_to(lost: dict[str, object]) -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [ADDED, lost]))
    said = failure_of(aws.deploying())
    assert said.startswith("Refused: ConversationsTable") and "--lose-table ConversationsTable" in said
    assert any(line.startswith("!!! ConversationsTable") for line in aws.said)
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]


def test_leave_to_lose_one_table_is_none_to_lose_another() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [REPLACED]))
    assert "Refused" in failure_of(aws.deploying(permissions=Overrides(["ConnectionsTable"])))


def test_a_table_is_lost_by_leave() -> None:
    happens = [[of_stack("UPDATE_IN_PROGRESS"), of_stack("UPDATE_ROLLBACK_COMPLETE")]]
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [REPLACED], batches=happens))
    failure_of(aws.deploying(permissions=Overrides(["ConversationsTable"])))
    assert "execute" in aws.cloudformation.done


def test_a_failed_creation_is_explained_by_its_root_cause_and_says_what_to_do() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    *said, next_step = failure_of(aws.deploying()).splitlines()
    assert said == [
        "The stack chat-try ended in ROLLBACK_COMPLETE",
        "Root cause: Api (AWS::Lambda::Function): The role is not known to Lambda",
        "1 more had to stop because of that",
    ]
    assert "run make deploy STAGE=try, which deletes the rest first" in next_step


def test_what_a_failed_creation_left_is_deleted_first() -> None:
    gone = [of_stack("DELETE_IN_PROGRESS"), of_stack("DELETE_COMPLETE")]
    aws = Aws(FakeCloudFormation("ROLLBACK_COMPLETE", [ADDED], batches=[gone, FAILED_CREATION]))
    failure_of(aws.deploying())
    assert aws.cloudformation.done == ["delete", "compare CREATE", "execute"]
    assert any("was not created last time" in line for line in aws.said)


def test_what_a_failed_creation_left_and_cannot_be_deleted_is_explained() -> None:
    stuck = [event("Bucket", "DELETE_FAILED", "It is not empty"), of_stack("DELETE_FAILED")]
    aws = Aws(FakeCloudFormation("ROLLBACK_COMPLETE", [ADDED], batches=[stuck]))
    assert "Root cause: Bucket (AWS::Lambda::Function): It is not empty" in failure_of(aws.deploying())
    assert aws.cloudformation.done == ["delete"]


def test_a_failed_update_says_that_all_runs_as_before() -> None:
    happens = [
        [of_stack("UPDATE_IN_PROGRESS"), event("Api", "UPDATE_FAILED", "Memory is too small")],
        [],
        [of_stack("UPDATE_ROLLBACK_IN_PROGRESS"), of_stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")],
        [of_stack("UPDATE_ROLLBACK_COMPLETE")],
    ]
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [ADDED], batches=happens))
    said = failure_of(aws.deploying())
    assert "Root cause: Api (AWS::Lambda::Function): Memory is too small" in said
    assert "Everything runs as before" in said
    assert len(aws.waited) == 3, "a look after each pause, until the stack says that it ended"


def test_tables_of_production_are_protected_once_the_stack_stands() -> None:
    made = [of_stack("CREATE_IN_PROGRESS"), of_stack("CREATE_COMPLETE")]
    refused = [
        of_stack("UPDATE_IN_PROGRESS"),
        event("ConversationsTable", "UPDATE_FAILED", "Too many requests", TABLE),
        of_stack("UPDATE_ROLLBACK_COMPLETE"),
    ]
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[made, refused]))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "y"

    said = failure_of(aws.deploying(aws.console(yes=False, ask=ask), PRODUCTION))
    assert aws.cloudformation.done == [
        "compare CREATE ProtectTables=false",
        "execute",
        "compare UPDATE ProtectTables=true",
        "execute",
    ]
    assert "Root cause: ConversationsTable (AWS::DynamoDB::Table): Too many requests" in said
    assert "Protecting the tables against deletion" in aws.said
    assert asked == ["Go ahead? [y/N] "]


def test_an_update_of_production_protects_the_tables_whatever_was_before() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"))
    failure_of(aws.deploying(stage=PRODUCTION))
    assert aws.cloudformation.done == ["compare UPDATE ProtectTables=true", "forget"]


def test_a_creation_of_production_that_fails_protects_nothing() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    failure_of(aws.deploying(stage=PRODUCTION))
    assert aws.cloudformation.done == ["compare CREATE ProtectTables=false", "execute"]


def test_only_events_of_this_operation_are_shown() -> None:
    old = [
        event("Old", "CREATE_FAILED", "long ago") | {"EventId": "old"},
        of_stack("CREATE_COMPLETE") | {"EventId": "x"},
    ]
    happens = [[of_stack("UPDATE_IN_PROGRESS")], [of_stack("UPDATE_ROLLBACK_COMPLETE")]]
    aws = Aws(FakeCloudFormation("CREATE_COMPLETE", [ADDED], events=old, batches=happens))
    assert "long ago" not in failure_of(aws.deploying())
    assert not any("Old" in line for line in aws.said)


def test_a_busy_stack_is_left_alone_and_says_what_it_is_at() -> None:
    resources = [event("Api", "UPDATE_IN_PROGRESS"), event("Auth", "UPDATE_COMPLETE")]
    aws = Aws(FakeCloudFormation("UPDATE_IN_PROGRESS", resources=resources))
    said = failure_of(aws.deploying())
    assert "busy: UPDATE_IN_PROGRESS, at work on Api." in said
    assert aws.cloudformation.done == []


def test_a_stuck_stack_says_on_what_and_what_helps() -> None:
    failed = event("Api", "UPDATE_FAILED", "It was deleted by hand")
    aws = Aws(FakeCloudFormation("UPDATE_ROLLBACK_FAILED", resources=[failed]))
    said = failure_of(aws.deploying())
    assert "Api: It was deleted by hand" in said
    assert "aws cloudformation continue-update-rollback --stack-name chat-try" in said


def test_a_stack_that_could_not_be_deleted_is_to_be_destroyed_first() -> None:
    assert "make destroy" in failure_of(Aws(FakeCloudFormation("DELETE_FAILED")).deploying())


def test_a_change_set_that_cannot_be_made_says_why() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="Parameter Stage is missing"))
    said = failure_of(aws.deploying())
    assert said == "CloudFormation cannot work out what to change: Parameter Stage is missing"
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]


def test_the_secret_is_made_once_and_never_shown() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    failure_of(aws.deploying())
    ((value, _),) = aws.ssm.parameters.values()
    assert len(value) >= 48
    assert "Made the parameter /chat/try/secret with a random secret for this stage's tokens" in aws.said
    assert not any(value in line for line in aws.said)
    again = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]), ssm=aws.ssm)
    failure_of(again.deploying())
    assert [each for each, _ in aws.ssm.parameters.values()] == [value]
    assert not any("Made the parameter" in line for line in again.said)


def test_a_secret_in_secrets_manager_is_not_made_as_a_parameter() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    name = "/aws/reference/secretsmanager/chat"
    stage = replace(TRIAL, environment={"CHAT_JWT_SECRET_PARAMETER": name})
    failure_of(Deployment(aws.account, stage, aws.console()))
    assert aws.ssm.parameters == {}


def test_uploads_are_named_by_their_content_and_are_made_once() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"))
    failure_of(aws.deploying())
    key = f"chat-try/{hashlib.sha256(BUILD.bundle).hexdigest()}.zip"
    assert aws.s3.objects is not None and aws.s3.objects[key] == BUILD.bundle
    (template,) = [json.loads(data) for name, data in aws.s3.objects.items() if name.endswith(".json")]
    code = {"Bucket": "chat-artefacts-123456789012-eu-west-1-an", "Key": key}
    assert template["Resources"]["Api"]["Properties"]["CodeUri"] == code
    uploaded = aws.s3.operations().count("PutObject")
    failure_of(aws.deploying())
    assert uploaded == aws.s3.operations().count("PutObject") == 2
    assert aws.s3.operations().count("CreateBucket") == 1


def test_the_bucket_is_private_encrypted_and_in_a_namespace_of_ours() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"))
    failure_of(aws.deploying())
    made = dict(aws.s3.called)
    assert made["CreateBucket"]["BucketNamespace"] == "account-regional"
    assert made["CreateBucket"]["CreateBucketConfiguration"] == {"LocationConstraint": "eu-west-1"}
    assert set(made["PutPublicAccessBlock"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in str(made["PutBucketEncryption"])


def test_the_first_region_takes_no_constraint() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"), region="us-east-1")
    failure_of(aws.deploying())
    assert "CreateBucketConfiguration" not in dict(aws.s3.called)["CreateBucket"]
