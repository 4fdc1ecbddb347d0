"""The decisions of a deployment in every state of a stack."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from infra.deploy.deployment import Deployment, Overrides
from infra.deploy.state import StageState, bind_state, read_state
from infra.errors import InfraError
from infra.stage import InfraSettings
from tests.deploy.fakes import (
    BUILD,
    TRIAL,
    Aws,
    FakeCloudFormation,
    FakeDynamoDb,
    FakeS3,
    change,
    client_error,
    event,
    stack_event,
)

TABLE = "AWS::DynamoDB::Table"
ADDED = change("Add", "Api", "AWS::Lambda::Function")
REPLACED = change("Modify", "ConversationsTable", TABLE, Replacement="True")
PRODUCTION = replace(TRIAL, infra=InfraSettings(production=True))
FAILED_CREATION = [
    stack_event("CREATE_IN_PROGRESS"),
    event("Connect", "CREATE_FAILED", "Resource creation cancelled"),
    event("Api", "CREATE_FAILED", "The role is not known to Lambda"),
    stack_event("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Api]"),
    stack_event("ROLLBACK_COMPLETE"),
]


def failure_of(deployment: Deployment) -> str:
    with pytest.raises(InfraError) as caught:
        deployment.run(BUILD)
    return str(caught.value)


def test_nothing_starts_without_a_terminal_and_without_yes() -> None:
    aws = Aws()
    assert "no terminal" in failure_of(aws.deployment(aws.console(yes=False)))
    assert aws.s3.called == [] and aws.cloudformation.done == []


def test_stage_with_example_values_is_not_deployed() -> None:
    aws = Aws()
    stage = replace(TRIAL, environment={"CHAT_JWKS_URL": "https://id.example.com/keys"})
    assert "set CHAT_JWKS_URL" in failure_of(Deployment(aws.account, stage, aws.console()))
    assert aws.s3.called == []


@pytest.mark.parametrize("answer", ["", "n", "no", "chat-try"])
def test_declined_deployment_changes_nothing(answer: str) -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [ADDED]))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    assert failure_of(aws.deployment(aws.console(yes=False, ask=ask))) == "No changes were made"
    assert asked == ["Continue? [y/N] "]
    assert "  1 to add" in aws.output
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]
    assert aws.ssm.parameters == {}


def test_declined_first_creation_leaves_no_empty_stack() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED]))
    failure_of(aws.deployment(aws.console(yes=False, ask=lambda _: "n")))
    assert aws.cloudformation.done == ["compare CREATE", "forget", "delete"]


@pytest.mark.parametrize("lost", [REPLACED, change("Remove", "ConversationsTable", TABLE)])
def test_loss_of_a_table_is_refused_despite_yes(lost: dict[str, object]) -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [ADDED, lost]))
    message = failure_of(aws.deployment())
    assert message.startswith("Refused: ConversationsTable") and "--lose-table ConversationsTable" in message
    assert any(line.startswith("!!! ConversationsTable") for line in aws.output)
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]


def test_lose_table_override_applies_to_one_table_only() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [REPLACED]))
    assert "Refused" in failure_of(aws.deployment(overrides=Overrides(["ConnectionsTable"])))


def test_lose_table_override_allows_the_loss() -> None:
    happens = [[stack_event("UPDATE_IN_PROGRESS"), stack_event("UPDATE_ROLLBACK_COMPLETE")]]
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [REPLACED], batches=happens))
    failure_of(aws.deployment(overrides=Overrides(["ConversationsTable"])))
    assert "execute" in aws.cloudformation.done


def test_failed_creation_is_explained_with_root_cause_and_next_step() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    *message, next_step = failure_of(aws.deployment()).splitlines()
    assert message == [
        "The stack chat-try ended in ROLLBACK_COMPLETE",
        "Root cause: Api (AWS::Lambda::Function): The role is not known to Lambda",
        "1 more were cancelled because of that",
    ]
    assert "run make deploy STAGE=try, which first deletes the remains" in next_step


def test_failed_creation_is_deleted_before_a_new_one() -> None:
    gone = [stack_event("DELETE_IN_PROGRESS"), stack_event("DELETE_COMPLETE")]
    aws = Aws(FakeCloudFormation("ROLLBACK_COMPLETE", [ADDED], batches=[gone, FAILED_CREATION]))
    failure_of(aws.deployment())
    assert aws.cloudformation.done == ["delete", "compare CREATE", "execute"]
    assert any("could not be created last time" in line for line in aws.output)


def test_undeletable_failed_creation_is_explained() -> None:
    stuck = [event("Bucket", "DELETE_FAILED", "It is not empty"), stack_event("DELETE_FAILED")]
    aws = Aws(FakeCloudFormation("ROLLBACK_COMPLETE", [ADDED], batches=[stuck]))
    assert "Root cause: Bucket (AWS::Lambda::Function): It is not empty" in failure_of(aws.deployment())
    assert aws.cloudformation.done == ["delete"]


def test_failed_update_reports_that_the_previous_version_is_running() -> None:
    happens = [
        [stack_event("UPDATE_IN_PROGRESS"), event("Api", "UPDATE_FAILED", "Memory is too small")],
        [],
        [stack_event("UPDATE_ROLLBACK_IN_PROGRESS"), stack_event("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")],
        [stack_event("UPDATE_ROLLBACK_COMPLETE")],
    ]
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", [ADDED], batches=happens))
    message = failure_of(aws.deployment())
    assert "Root cause: Api (AWS::Lambda::Function): Memory is too small" in message
    assert "The previous version is running" in message
    assert len(aws.waited) == 3, "one poll after each pause, until the stack's final status"


def test_production_tables_are_protected_after_the_creation() -> None:
    made = [stack_event("CREATE_IN_PROGRESS"), stack_event("CREATE_COMPLETE")]
    refused = [
        stack_event("UPDATE_IN_PROGRESS"),
        event("ConversationsTable", "UPDATE_FAILED", "Too many requests", TABLE),
        stack_event("UPDATE_ROLLBACK_COMPLETE"),
    ]
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[made, refused]))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "y"

    message = failure_of(aws.deployment(aws.console(yes=False, ask=ask), PRODUCTION))
    assert aws.cloudformation.done == [
        "compare CREATE ProtectTables=false",
        "execute",
        "compare UPDATE ProtectTables=true",
        "execute",
    ]
    assert "Root cause: ConversationsTable (AWS::DynamoDB::Table): Too many requests" in message
    assert "Turning on deletion protection of the tables" in aws.output
    assert asked == ["Continue? [y/N] "]


def test_update_of_production_protects_the_tables() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"))
    failure_of(aws.deployment(stage=PRODUCTION))
    assert aws.cloudformation.done == ["compare UPDATE ProtectTables=true", "forget"]


def test_failed_creation_of_production_protects_nothing() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    failure_of(aws.deployment(stage=PRODUCTION))
    assert aws.cloudformation.done == ["compare CREATE ProtectTables=false", "execute"]


def test_only_events_of_this_operation_are_reported() -> None:
    old = [
        event("Old", "CREATE_FAILED", "long ago") | {"EventId": "old"},
        stack_event("CREATE_COMPLETE") | {"EventId": "x"},
    ]
    happens = [[stack_event("UPDATE_IN_PROGRESS")], [stack_event("UPDATE_ROLLBACK_COMPLETE")]]
    aws = Aws(FakeCloudFormation("CREATE_COMPLETE", [ADDED], events=old, batches=happens))
    assert "long ago" not in failure_of(aws.deployment())
    assert not any("Old" in line for line in aws.output)


def test_busy_stack_is_reported_with_its_resources_in_progress() -> None:
    resources = [event("Api", "UPDATE_IN_PROGRESS"), event("Auth", "UPDATE_COMPLETE")]
    aws = Aws(FakeCloudFormation("UPDATE_IN_PROGRESS", resources=resources))
    message = failure_of(aws.deployment())
    assert "busy: UPDATE_IN_PROGRESS, in progress: Api." in message
    assert aws.cloudformation.done == []


def test_stuck_stack_is_reported_with_causes_and_next_step() -> None:
    failed = event("Api", "UPDATE_FAILED", "It was deleted by hand")
    aws = Aws(FakeCloudFormation("UPDATE_ROLLBACK_FAILED", resources=[failed]))
    message = failure_of(aws.deployment())
    assert "Api: It was deleted by hand" in message
    assert "aws cloudformation continue-update-rollback --stack-name chat-try" in message


def test_partly_deleted_stack_requires_a_teardown() -> None:
    assert "make destroy" in failure_of(Aws(FakeCloudFormation("DELETE_FAILED")).deployment())


def test_failed_change_set_is_reported_with_its_reason() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="Parameter Stage is missing"))
    message = failure_of(aws.deployment())
    assert message == "CloudFormation could not create a change set: Parameter Stage is missing"
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]


VALIDATION = [
    {
        "OperationId": "2",
        "LogicalResourceId": "Dashboard",
        "ResourceType": "AWS::CloudWatch::Dashboard",
        "ValidationPath": "/Resources/Dashboard/Properties/DashboardName",
        "ValidationStatusReason": "A dashboard of this name exists",
    },
    {"OperationId": "2", "OperationType": "CREATE_CHANGESET"},
    {"OperationId": "1", "LogicalResourceId": "Api", "ResourceStatusReason": "of an earlier operation"},
]
FINDING = (
    "    Dashboard (AWS::CloudWatch::Dashboard) at /Resources/Dashboard/Properties/DashboardName:"
    " A dashboard of this name exists"
)


def test_failed_validation_of_a_change_set_is_explained_before_it_is_deleted() -> None:
    reason = "The following hook(s) failed: [AWS::EarlyValidation::ResourceExistenceCheck]"
    aws = Aws(FakeCloudFormation(None, no_change_set=reason, validation=VALIDATION))
    assert failure_of(aws.deployment()).splitlines()[1:] == [FINDING]
    assert aws.cloudformation.done == ["compare CREATE", "forget"]


def test_failed_validation_of_an_operation_is_explained() -> None:
    hint = "Validation failed with 1 error(s). Call DescribeEvents to retrieve the full list of issues"
    happens = [[stack_event("CREATE_IN_PROGRESS"), stack_event("ROLLBACK_COMPLETE", hint)]]
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=happens, validation=VALIDATION))
    assert FINDING in failure_of(aws.deployment()).splitlines()


def test_change_set_without_changes_asks_for_no_details() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="No updates are to be performed."))
    with pytest.raises(KeyError, match="HttpUrl"):  # the fake has no outputs
        aws.deployment().run(BUILD)
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]


def test_validation_that_cannot_be_read_does_not_hide_the_reason() -> None:
    class Silent(FakeCloudFormation):
        def describe_events(self, **_: object) -> dict[str, object]:  # type: ignore[override]
            raise client_error("DescribeEvents", "AccessDenied")

    message = failure_of(Aws(Silent(None, no_change_set="Validation failed")).deployment())
    assert message.splitlines() == [
        "CloudFormation could not create a change set: Validation failed",
        "    The details cannot be read (ClientError): aws cloudformation describe-events",
    ]


def test_secret_is_created_once_and_never_shown() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    failure_of(aws.deployment())
    ((value, _),) = aws.ssm.parameters.values()
    assert len(value) >= 48
    assert "Created parameter /chat/try/secret with a random secret for this stage's tokens" in aws.output
    assert not any(value in line for line in aws.output)
    again = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]), ssm=aws.ssm)
    failure_of(again.deployment())
    assert [parameter for parameter, _ in aws.ssm.parameters.values()] == [value]
    assert not any("Created parameter" in line for line in again.output)


def test_second_secret_is_created_as_well() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    second = {"CHAT_SECOND_JWT_SECRET_PARAMETER": "/chat/try/next"}
    failure_of(Deployment(aws.account, replace(TRIAL, environment=TRIAL.environment | second), aws.console()))
    assert aws.ssm.parameters.keys() == {"/chat/try/secret", "/chat/try/next"}
    first, next_ = (value for value, _ in aws.ssm.parameters.values())
    assert first != next_


def test_secret_in_secrets_manager_is_not_created() -> None:
    aws = Aws(FakeCloudFormation(None, [ADDED], batches=[FAILED_CREATION]))
    name = "/aws/reference/secretsmanager/chat"
    stage = replace(TRIAL, environment={"CHAT_JWT_SECRET_PARAMETER": name})
    failure_of(Deployment(aws.account, stage, aws.console()))
    assert aws.ssm.parameters == {}


def test_uploads_are_named_by_content_and_uploaded_once() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"))
    failure_of(aws.deployment())
    key = f"chat-try/{hashlib.sha256(BUILD.bundle).hexdigest()}.zip"
    assert aws.s3.objects is not None and aws.s3.objects[key] == BUILD.bundle
    (template,) = [json.loads(data) for name, data in aws.s3.objects.items() if name.endswith(".json")]
    code = {"Bucket": "chat-artefacts-123456789012-eu-west-1-an", "Key": key}
    assert template["Resources"]["Api"]["Properties"]["CodeUri"] == code
    uploaded = aws.s3.operations().count("PutObject")
    failure_of(aws.deployment())
    assert uploaded == aws.s3.operations().count("PutObject") == 3, "with the record of the release"
    assert aws.s3.operations().count("CreateBucket") == 1


def test_bucket_is_private_encrypted_and_in_the_account_namespace() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"))
    failure_of(aws.deployment())
    made = dict(aws.s3.called)
    assert made["CreateBucket"]["BucketNamespace"] == "account-regional"
    assert made["CreateBucket"]["CreateBucketConfiguration"] == {"LocationConstraint": "eu-west-1"}
    assert set(made["PutPublicAccessBlock"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in str(made["PutBucketEncryption"])


@pytest.mark.parametrize("region", ["me-south-1", "me-central-1"])
def test_region_without_account_namespaces_gets_a_global_bucket_name(region: str) -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"), region=region)
    failure_of(aws.deployment())
    made = dict(aws.s3.called)["CreateBucket"]
    assert made["Bucket"] == f"chat-artefacts-123456789012-{region}"
    assert "BucketNamespace" not in made
    assert f"  {region} has no account-regional names: this one is global" in aws.output


def test_bucket_in_us_east_1_has_no_location_constraint() -> None:
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", no_change_set="stop here"), region="us-east-1")
    failure_of(aws.deployment())
    assert "CreateBucketConfiguration" not in dict(aws.s3.called)["CreateBucket"]


NAMES = ("chat-prod-conversations", "chat-prod-connections")
OWN_KEYS = {name: ["pk", "sk"] for name in NAMES}


def test_stage_uses_existing_tables_in_a_new_history() -> None:
    aws = Aws(FakeCloudFormation(None, no_change_set="stop here"), dynamodb=FakeDynamoDb(dict(OWN_KEYS)))
    failure_of(aws.deployment(overrides=Overrides(tables=NAMES), now=lambda: 1_900_000_000.7))
    assert aws.s3.objects is not None
    (template,) = [json.loads(data) for name, data in aws.s3.objects.items() if name.endswith(".json")]
    state = read_state(template)
    assert (tuple(state.tables.values()), state.history) == (NAMES, 1_900_000_001), "above that of the creation"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "There is no table chat-prod-conversations in eu-west-1"),
        ({**OWN_KEYS, NAMES[1]: ["id"]}, "The table chat-prod-connections has other keys than pk and sk"),
    ],
)
def test_table_that_is_not_one_of_the_application_is_rejected(tables: dict[str, list[str]], message: str) -> None:
    aws = Aws(FakeCloudFormation(None), dynamodb=FakeDynamoDb(tables))
    assert message in failure_of(aws.deployment(overrides=Overrides(tables=NAMES)))
    assert aws.cloudformation.done == []


def test_deployment_during_a_restore_is_rejected() -> None:
    fenced = bind_state(BUILD.template, StageState(fenced=True))
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE", source=fenced))
    assert "A restore of stage try is not finished" in failure_of(aws.deployment())
    assert aws.cloudformation.done == []


@pytest.mark.parametrize(
    "overrides",
    [Overrides(), Overrides(tables=NAMES), Overrides(new_history=True)],
    ids=["none", "tables", "history"],
)
def test_deployment_before_the_fence_of_a_restore_is_rejected(overrides: Overrides) -> None:
    """The restore has noted the tables and the next history: it would replay from the wrong table, or go back."""
    noted = FakeS3({"chat-try/restore": b"{}"})
    aws = Aws(FakeCloudFormation("UPDATE_COMPLETE"), noted, dynamodb=FakeDynamoDb(dict(OWN_KEYS)))
    refused = failure_of(aws.deployment(overrides=overrides))
    assert "A restore of stage try is not finished" in refused and "--abandon" in refused
    assert aws.cloudformation.done == []


def test_note_of_a_restore_whose_stack_was_deleted_by_hand_does_not_prevent_a_new_stack() -> None:
    noted = FakeS3({"chat-try/restore": b"{}"})
    aws = Aws(FakeCloudFormation(None, no_change_set="stop here"), noted)
    assert "stop here" in failure_of(aws.deployment())


def test_first_creation_begins_a_history_that_is_newer_than_any_of_a_destroyed_stage() -> None:
    aws = Aws(FakeCloudFormation(None, no_change_set="stop here"))
    for now in (1_900_000_000.0, 1_900_000_500.0):  # repeated: the same template, which is not uploaded again
        failure_of(aws.deployment(now=lambda now=now: now))
    assert aws.s3.objects is not None
    (template,) = [json.loads(data) for name, data in aws.s3.objects.items() if name.endswith(".json")]
    assert read_state(template).history == 1_900_000_000
