"""Fakes of the AWS services that a deployment uses, for states that an emulator cannot reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.account import Account
from infra.deploy.artefacts import Build
from infra.deploy.console import Console
from infra.deploy.deployment import Deployment
from infra.deploy.stack import Stack
from infra.deploy.teardown import Teardown
from infra.stage import InfraSettings, Stage

Json = dict[str, Any]
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/chat-try/1"
TRIAL = Stage(
    name="try",
    app="chat",
    api_stage="try",
    architecture="arm64",
    environment={"CHAT_JWT_SECRET_PARAMETER": "/chat/try/secret"},
    infra=InfraSettings(),
)


def build(version: str = "1+abc", bundle: bytes = b"a zip", **variables: Any) -> Build:
    """A build of the stage `try`."""
    own = {
        "CHAT_CONVERSATIONS_TABLE": {"Ref": "ConversationsTable"},
        "CHAT_CONNECTIONS_TABLE": {"Ref": "ConnectionsTable"},
    }
    history = {"CHAT_HISTORY_ID": {"Fn::Sub": "0.${ConversationsTable}"}}
    settings = {**own, **history, "CHAT_VERSION": version, "CHAT_STAGE": "try", **variables}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip"}}
    return Build(
        bundle, {"Globals": {"Function": {"Environment": {"Variables": settings}}}, "Resources": {"Api": function}}
    )


BUILD = build()


def client_error(operation: str, code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


def change(action: str, logical_id: str, kind: str, **more: Any) -> Json:
    return {
        "Type": "Resource",
        "ResourceChange": {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, **more},
    }


def event(logical_id: str, status: str, reason: str = "", kind: str = "AWS::Lambda::Function") -> Json:
    return {"LogicalResourceId": logical_id, "ResourceType": kind, "ResourceStatus": status} | (
        {"ResourceStatusReason": reason} if reason else {}
    )


def stack_event(status: str, reason: str = "") -> Json:
    return event("chat-try", status, reason, "AWS::CloudFormation::Stack") | {"PhysicalResourceId": STACK_ID}


class Paged:
    """A client whose paginators return the single page of the operation."""

    def get_paginator(self, operation: str) -> Any:
        def pages(**arguments: Any) -> Iterator[Json]:
            yield getattr(self, operation)(**arguments)

        return SimpleNamespace(paginate=pages)


@dataclass
class FakeCloudFormation(Paged):
    """At most one stack."""

    status: str | None = None
    changes: list[Json] = field(default_factory=list)
    no_change_set: str = ""
    """The failure reason of the change set."""
    batches: list[list[Json]] = field(default_factory=list)
    """The events of an operation, poll by poll."""
    events: list[Json] = field(default_factory=list)
    resources: list[Json] = field(default_factory=list)
    template: Json = field(default_factory=lambda: {"Resources": {}})
    """The deployed template, with SAM transformed."""
    source: Json = field(default_factory=lambda: BUILD.template)
    """The deployed template, as it was submitted."""
    submitted: list[str] = field(default_factory=list)
    """The URLs of the templates of all change sets."""
    done: list[str] = field(default_factory=list)
    """The modifying operations that were called."""
    outputs: dict[str, str] = field(default_factory=dict)
    working: bool = False
    validation: list[Json] = field(default_factory=list)
    """The events of a failed validation, newest first."""
    forgotten: bool = False
    """Whether the change set is deleted, and its events with it."""

    def describe_stacks(self, StackName: str) -> Json:  # noqa: N803 — the SDK's names
        if self.status in {None, "DELETE_COMPLETE"}:
            raise client_error("DescribeStacks", "ValidationError", f"Stack with id {StackName} does not exist")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        stack = {"StackId": STACK_ID, "StackName": "chat-try", "StackStatus": self.status, "Outputs": outputs}
        return {"Stacks": [stack]}

    def describe_stack_events(self, StackName: str) -> Json:  # noqa: N803
        assert StackName == STACK_ID
        if self.working:
            assert self.batches, "polled after the last event of the operation"
            for item in self.batches.pop(0):
                self.events.append(item | {"EventId": str(len(self.events))})
                if item.get("PhysicalResourceId") == STACK_ID:
                    self.status = item["ResourceStatus"]
                    self.working = self.status.endswith("_IN_PROGRESS")
        return {"StackEvents": self.events[::-1]}

    def list_stack_resources(self, StackName: str) -> Json:  # noqa: N803
        assert StackName == "chat-try"
        return {"StackResourceSummaries": self.resources}

    def get_template(self, StackName: str, TemplateStage: str) -> Json:  # noqa: N803
        assert StackName == "chat-try"
        return {"TemplateBody": {"Processed": self.template, "Original": self.source}[TemplateStage]}

    def create_change_set(self, **arguments: Any) -> Json:
        given = "".join(
            f" {parameter['ParameterKey']}={parameter['ParameterValue']}" for parameter in arguments["Parameters"]
        )
        self.done.append(f"compare {arguments['ChangeSetType']}{given}")
        self.submitted.append(arguments["TemplateURL"])
        if arguments["ChangeSetType"] == "CREATE":
            self.status = "REVIEW_IN_PROGRESS"
        return {"Id": "a-change-set"}

    def describe_change_set(self, StackName: str, ChangeSetName: str) -> Json:  # noqa: N803
        assert (StackName, ChangeSetName) == ("chat-try", "a-change-set")
        if self.no_change_set:
            return {"Status": "FAILED", "StatusReason": self.no_change_set, "Changes": []}
        return {"Status": "CREATE_COMPLETE", "Changes": self.changes}

    def describe_events(self, StackName: str, Filters: Json, ChangeSetName: str | None = None) -> Json:  # noqa: N803
        assert (StackName, Filters) == ("chat-try", {"FailedEvents": True})
        if self.forgotten and ChangeSetName is not None:
            raise client_error("DescribeEvents", "ValidationError", "ChangeSet [a-change-set] does not exist")
        return {"OperationEvents": self.validation}

    def execute_change_set(self, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        assert (StackName, ChangeSetName) == ("chat-try", "a-change-set")
        self.done.append("execute")
        self.working = True

    def delete_change_set(self, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        assert (StackName, ChangeSetName) == ("chat-try", "a-change-set")
        self.forgotten = True
        self.done.append("forget")

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        assert StackName == "chat-try"
        self.done.append("delete")
        self.working = True


@dataclass
class FakeS3(Paged):
    """At most one bucket, possibly of another account."""

    objects: dict[str, bytes] | None = None
    owner: str = "123456789012"
    called: list[tuple[str, Json]] = field(default_factory=list)
    meta: Any = field(default_factory=lambda: SimpleNamespace(endpoint_url="https://s3.eu-west-1.amazonaws.com"))

    def _bucket(self, operation: str, arguments: Json) -> dict[str, bytes]:
        self.called.append((operation, arguments))
        if self.objects is None:
            raise client_error(operation, "404", "Not Found", 404)
        if arguments["ExpectedBucketOwner"] != self.owner:
            raise client_error(operation, "403", "Forbidden", 403)
        return self.objects

    def create_bucket(self, **arguments: Any) -> None:
        self.called.append(("CreateBucket", arguments))
        self.objects = {}

    def head_bucket(self, **arguments: Any) -> None:
        self._bucket("HeadBucket", arguments)

    def put_public_access_block(self, **arguments: Any) -> None:
        self._bucket("PutPublicAccessBlock", arguments)

    def put_bucket_encryption(self, **arguments: Any) -> None:
        self._bucket("PutBucketEncryption", arguments)

    def put_bucket_policy(self, **arguments: Any) -> None:
        self._bucket("PutBucketPolicy", arguments)

    def head_object(self, **arguments: Any) -> None:
        if arguments["Key"] not in self._bucket("HeadObject", arguments):
            raise client_error("HeadObject", "404", "Not Found", 404)

    def put_object(self, **arguments: Any) -> None:
        self._bucket("PutObject", arguments)[arguments["Key"]] = arguments["Body"]

    def get_object(self, **arguments: Any) -> Json:
        return {"Body": BytesIO(self._bucket("GetObject", arguments)[arguments["Key"]])}

    def delete_object(self, **arguments: Any) -> None:
        self._bucket("DeleteObject", arguments).pop(arguments["Key"], None)

    def list_objects_v2(self, **arguments: Any) -> Json:
        found = self._bucket("ListObjectsV2", arguments)
        return {"Contents": [{"Key": key} for key in found if key.startswith(arguments["Prefix"])]}

    def delete_objects(self, **arguments: Any) -> Json:
        objects = self._bucket("DeleteObjects", arguments)
        for item in arguments["Delete"]["Objects"]:
            del objects[item["Key"]]
        return {}

    def operations(self) -> list[str]:
        return [name for name, _ in self.called]


@dataclass
class FakeSsm:
    """Parameters by name, each with its value and tags."""

    parameters: dict[str, tuple[str, list[Json]]] = field(default_factory=dict)

    def get_parameter(self, Name: str, WithDecryption: bool = False) -> Json:  # noqa: N803
        if Name not in self.parameters:
            raise client_error("GetParameter", "ParameterNotFound")
        value = self.parameters[Name][0]
        return {"Parameter": {"Value": value if WithDecryption else f"encrypted {len(value)}"}}

    def put_parameter(self, **arguments: Any) -> None:
        assert arguments["Type"] == "SecureString"
        if arguments["Name"] in self.parameters and not arguments.get("Overwrite"):
            raise client_error("PutParameter", "ParameterAlreadyExists")
        self.parameters[arguments["Name"]] = (arguments["Value"], arguments["Tags"])

    def list_tags_for_resource(self, ResourceType: str, ResourceId: str) -> Json:  # noqa: N803
        assert ResourceType == "Parameter"
        return {"TagList": self.parameters[ResourceId][1]}

    def delete_parameter(self, Name: str) -> None:  # noqa: N803
        del self.parameters[Name]


@dataclass
class FakeDynamoDb:
    """Tables by name, each with the names of its keys."""

    tables: dict[str, list[str]] = field(default_factory=dict)

    def describe_table(self, TableName: str) -> Json:  # noqa: N803
        if TableName not in self.tables:
            raise client_error("DescribeTable", "ResourceNotFoundException")
        keys = zip(self.tables[TableName], ("HASH", "RANGE"), strict=False)
        return {"Table": {"KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys]}}


@dataclass
class FakeAccountSettings:
    """The clients of Lambda, IAM and API Gateway, as far as the checks of an account use them."""

    concurrency: int = 1_000
    unreserved: int = 1_000
    policies: set[str] = field(default_factory=lambda: {"arn:aws:iam::123456789012:policy/chat-boundary"})
    log_role: str | None = None

    def get_account_settings(self) -> Json:
        limit = {"ConcurrentExecutions": self.concurrency, "UnreservedConcurrentExecutions": self.unreserved}
        return {"AccountLimit": limit}

    def get_policy(self, PolicyArn: str) -> Json:  # noqa: N803
        if PolicyArn not in self.policies:
            raise client_error("GetPolicy", "NoSuchEntity", status=404)
        return {"Policy": {"Arn": PolicyArn}}

    def get_account(self) -> Json:
        return {} if self.log_role is None else {"cloudwatchRoleArn": self.log_role}


@dataclass
class Aws:
    """An account of fakes, and the lines written to the console."""

    cloudformation: FakeCloudFormation = field(default_factory=FakeCloudFormation)
    s3: FakeS3 = field(default_factory=FakeS3)
    ssm: FakeSsm = field(default_factory=FakeSsm)
    dynamodb: FakeDynamoDb = field(default_factory=FakeDynamoDb)
    settings: FakeAccountSettings = field(default_factory=FakeAccountSettings)
    region: str = "eu-west-1"
    output: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return Account(
            id="123456789012",
            region=self.region,
            caller="arn:aws:iam::123456789012:user/ann",
            endpoint=None,
            apigateway=self.settings,
            cloudformation=self.cloudformation,
            dynamodb=self.dynamodb,
            iam=self.settings,
            lambda_=self.settings,
            s3=self.s3,
            ssm=self.ssm,
        )

    def console(self, *, yes: bool = True, ask: Callable[[str], str] | None = None) -> Console:
        return Console(write=self.output.append, prompt=ask, yes=yes)

    def deployment(self, console: Console | None = None, stage: Stage = TRIAL, **more: Any) -> Deployment:
        console = console or self.console()
        return Deployment(self.account, stage, console, stack=self._stack(console), **more)

    def teardown(self, console: Console | None = None, stage: Stage = TRIAL) -> Teardown:
        console = console or self.console()
        return Teardown(self.account, stage, console, stack=self._stack(console))

    def _stack(self, console: Console) -> Stack:
        return Stack(self.account, TRIAL.full_name, console, sleep=self.waited.append)
