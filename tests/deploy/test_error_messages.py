"""Error messages for errors of AWS and its SDK."""

from __future__ import annotations

from pathlib import Path

import botocore.exceptions
import pytest

from infra.deploy.account import this_account
from infra.deploy.error_messages import explain, explaining_errors
from infra.errors import InfraError
from tests.deploy.fakes import Aws, FakeS3, client_error


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def message_for(error: Exception) -> str:
    with pytest.raises(InfraError) as caught, explaining_errors():
        raise error
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    return str(caught.value)


@pytest.mark.usefixtures("no_settings")
def test_missing_region_is_reported_with_how_to_set_it() -> None:
    with pytest.raises(InfraError, match="with --region, with AWS_REGION, or in the profile"):
        this_account()


@pytest.mark.usefixtures("no_settings")
def test_missing_credentials_are_reported_with_how_to_set_them() -> None:
    with pytest.raises(InfraError, match=r"No AWS credentials were found\. Set AWS_PROFILE"):
        this_account("eu-west-1")


@pytest.mark.usefixtures("no_settings")
def test_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "unknown")
    with pytest.raises(InfraError, match="unknown"):
        this_account("eu-west-1")


@pytest.mark.usefixtures("no_settings")
def test_unreachable_endpoint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(InfraError, match=r"AWS cannot be reached: .*127\.0\.0\.1:1"):
        this_account("eu-west-1")


def test_denied_call_is_named_by_action_and_resource() -> None:
    message = (
        "User: arn:aws:iam::1:user/ann is not authorized to perform: cloudformation:CreateChangeSet"
        " on resource: arn:aws:cloudformation:eu-west-1:1:stack/chat-dev/* because no policy allows it"
    )
    text = message_for(client_error("CreateChangeSet", "AccessDenied", message))
    assert "cloudformation:CreateChangeSet on arn:aws:cloudformation:eu-west-1:1:stack/chat-dev/*" in text
    assert "infra/iam/deployer-*.json" in text


@pytest.mark.parametrize(
    ("operation", "action"),
    [("HeadBucket", "s3:ListBucket"), ("PutBucketEncryption", "s3:PutEncryptionConfiguration")],
)
def test_denial_without_a_message_is_named_by_its_iam_action(operation: str, action: str) -> None:
    assert action in explain(client_error(operation, "403", "Forbidden", 403))


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ExpiredToken", "have expired"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("SignatureDoesNotMatch", "clock"),
        ("Throttling", "try again later"),
        ("ValidationError", "AWS rejected CreateStack: The name is too long"),
    ],
)
def test_error_message_says_what_to_do(code: str, hint: str) -> None:
    assert hint in explain(client_error("CreateStack", code, "The name is too long"))


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (botocore.exceptions.NoCredentialsError(), "No AWS credentials"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (botocore.exceptions.ParamValidationError(report="a secret value"), "ParamValidationError"),
    ],
)
def test_sdk_errors_are_explained_without_values(error: Exception, hint: str) -> None:
    text = message_for(error)
    assert hint in text and "a secret value" not in text


def test_bucket_of_another_account_is_not_used() -> None:
    aws = Aws(s3=FakeS3({}, owner="999999999999"))
    with pytest.raises(InfraError, match="s3:ListBucket"), explaining_errors():
        aws.teardown().run()
    assert aws.s3.operations() == ["HeadBucket"]
