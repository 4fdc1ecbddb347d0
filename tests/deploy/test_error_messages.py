"""What AWS and its SDK refuse, said to a person."""

from __future__ import annotations

from pathlib import Path

import botocore.exceptions
import pytest

from infra.deploy.account import this_account
from infra.deploy.error_messages import explain, explaining_errors
from infra.errors import InfraError
from tests.deploy.fakes import Aws, FakeS3, refusal


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def said(error: Exception) -> str:
    with pytest.raises(InfraError) as caught, explaining_errors():
        raise error
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    return str(caught.value)


@pytest.mark.usefixtures("no_settings")
def test_no_region_says_how_to_name_one() -> None:
    with pytest.raises(InfraError, match="--region, in AWS_REGION, or in the profile"):
        this_account()


@pytest.mark.usefixtures("no_settings")
def test_no_credentials_says_how_to_get_some() -> None:
    with pytest.raises(InfraError, match=r"There are no AWS credentials\. Set AWS_PROFILE"):
        this_account("eu-west-1")


@pytest.mark.usefixtures("no_settings")
def test_a_profile_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InfraError, match="nobody"):
        this_account("eu-west-1")


@pytest.mark.usefixtures("no_settings")
def test_an_endpoint_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(InfraError, match=r"AWS cannot be reached: .*127\.0\.0\.1:1"):
        this_account("eu-west-1")


def test_what_is_not_allowed_is_named_by_its_action_and_resource() -> None:
    message = (
        "User: arn:aws:iam::1:user/ann is not authorized to perform: cloudformation:CreateChangeSet"
        " on resource: arn:aws:cloudformation:eu-west-1:1:stack/chat-dev/* because no policy allows it"
    )
    text = said(refusal("CreateChangeSet", "AccessDenied", message))
    assert "cloudformation:CreateChangeSet on arn:aws:cloudformation:eu-west-1:1:stack/chat-dev/*" in text
    assert "infra/deployer-policy.json" in text


@pytest.mark.parametrize(
    ("operation", "action"),
    [("HeadBucket", "s3:ListBucket"), ("PutBucketEncryption", "s3:PutEncryptionConfiguration")],
)
def test_a_refusal_without_a_word_is_named_by_the_action_that_iam_knows(operation: str, action: str) -> None:
    assert action in explain(refusal(operation, "403", "Forbidden", 403))


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ExpiredToken", "have expired"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("SignatureDoesNotMatch", "clock"),
        ("Throttling", "try again later"),
        ("ValidationError", "AWS refused CreateStack: The name is too long"),
    ],
)
def test_each_refusal_says_what_to_do(code: str, hint: str) -> None:
    assert hint in explain(refusal("CreateStack", code, "The name is too long"))


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (botocore.exceptions.NoCredentialsError(), "no AWS credentials"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (botocore.exceptions.ParamValidationError(report="a secret value"), "ParamValidationError"),
    ],
)
def test_the_sdks_own_errors_are_told_without_values(error: Exception, hint: str) -> None:
    text = said(error)
    assert hint in text and "a secret value" not in text


def test_a_bucket_of_somebody_else_is_not_used() -> None:
    aws = Aws(s3=FakeS3({}, owner="999999999999"))
    with pytest.raises(InfraError, match="s3:ListBucket"), explaining_errors():
        aws.destroying().run()
    assert aws.s3.operations() == ["HeadBucket"]
