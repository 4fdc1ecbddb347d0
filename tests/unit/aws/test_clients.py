"""Where clients get endpoints and credentials from: the environment, or the SDK."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.aws import clients
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove everything that the machine configures."""
    for name in (
        "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


# ---- endpoints -----------------------------------------------------------------------------------------


def test_endpoint_has_the_usual_name_of_the_service() -> None:
    assert clients._endpoint("dynamodb", REGION) == "https://dynamodb.eu-west-1.amazonaws.com"


def test_endpoint_of_the_environment_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://sqs.example")
    assert clients._endpoint("sqs", REGION) == "http://sqs.example"
    assert clients._endpoint("dynamodb", REGION) == "http://all.example"


def test_endpoint_of_the_environment_can_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all.example")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert clients._endpoint("sqs", REGION) == "https://sqs.eu-west-1.amazonaws.com"


def test_endpoint_in_china_is_that_of_the_sdk() -> None:
    assert clients._endpoint("dynamodb", "cn-north-1") == "https://dynamodb.cn-north-1.amazonaws.com.cn"


def test_fips_endpoint_is_that_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    assert clients._endpoint("dynamodb", "us-east-1") == "https://dynamodb-fips.us-east-1.amazonaws.com"


# ---- credentials ---------------------------------------------------------------------------------------


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert clients._credentials()() == clients.StaticCredentials("AKID", "secret", None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert clients._credentials()() == clients.StaticCredentials("AKID", "secret", "token")


def test_credentials_come_from_the_files_that_the_sdk_reads(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n")
    assert clients._credentials()().access_key == "AKID"


@pytest.mark.parametrize(
    "create",
    [
        lambda: clients.dynamodb(REGION, SystemClock()),
        lambda: clients.job_queue("https://sqs.example/jobs", REGION, SystemClock()).send("job:1", 0),
        lambda: clients.event_bus("prod", REGION, SystemClock())._service,
    ],
    ids=["dynamodb", "job queue", "event bus"],
)
def test_clients_are_unavailable_without_credentials(create: Callable[[], object]) -> None:
    with pytest.raises(Unavailable):
        create()
