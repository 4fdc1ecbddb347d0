"""The store, credentials and ports of a run, and which environment variables override the stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.errors import LocalError
from local.settings import (
    Ports,
    built_in_store_settings,
    chat_settings,
    configure_boto3,
    external_store_settings,
    stage_environment,
)

STAGE = {
    "CHAT_JWT_SECRET": "from the stage",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


def test_ports_are_consecutive_unless_given() -> None:
    assert Ports.from_base(9000) == Ports(9000, 9001, 9002, 9003)
    assert Ports.from_base(9000, store=7000) == Ports(9000, 9001, 7000, 9003)
    assert Ports.from_base(0) == Ports(0, 0, 0, 0)
    assert Ports.from_base(0, websocket=9001) == Ports(0, 9001, 0, 0)


def test_stage_matches_the_default_ports_and_its_secret_is_marked_for_development() -> None:
    stage = stage_environment()
    assert "development" in stage["CHAT_JWT_SECRET"]
    assert len(stage["CHAT_JWT_SECRET"]) >= 32
    ports = Ports()
    assert stage["AWS_ENDPOINT_URL_DYNAMODB"] == f"http://127.0.0.1:{ports.store}"
    assert stage["CHAT_MANAGEMENT_ENDPOINT"] == f"http://127.0.0.1:{ports.http}/local"


def test_stage_includes_the_variables_of_the_whole_app(tmp_path: Path) -> None:
    write_config(
        tmp_path,
        {
            "environment_variables": {"A": "1", "B": "1"},
            "stages": {"local": {"environment_variables": {"B": "2"}}},
        },
    )
    assert stage_environment(tmp_path) == {"A": "1", "B": "2"}


@pytest.mark.parametrize("config", [{}, {"stages": {}}, {"stages": {"local": []}}, []])
def test_config_without_the_stage_is_rejected(tmp_path: Path, config: object) -> None:
    write_config(tmp_path, config)
    with pytest.raises(LocalError, match="no valid stage `local`"):
        stage_environment(tmp_path)


def test_missing_config_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="is missing"):
        stage_environment(tmp_path)


def write_config(root: Path, config: object) -> None:
    (root / ".chalice").mkdir()
    (root / ".chalice" / "config.json").write_text(json.dumps(config), encoding="utf-8")


def test_shell_overrides_chat_settings_but_not_aws_settings(tmp_path: Path) -> None:
    write_config(tmp_path, {"stages": {"local": {"environment_variables": STAGE}}})
    shell = {"CHAT_JWT_SECRET": "from the shell", "AWS_ACCESS_KEY_ID": "a real one", "PATH": "/bin"}
    assert chat_settings(shell, tmp_path) == {**STAGE, "CHAT_JWT_SECRET": "from the shell"}


def test_real_credentials_are_never_used_with_the_built_in_store() -> None:
    shell = {
        "AWS_PROFILE": "work",
        "AWS_ACCESS_KEY_ID": "a real one",
        "AWS_SESSION_TOKEN": "a real one",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://elsewhere",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "NO_PROXY": "intranet",
    }
    configure_boto3(shell, built_in_store_settings(STAGE, "http://127.0.0.1:1"), built_in=True)
    assert shell == {
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "NO_PROXY": "intranet,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def test_local_external_store_uses_dummy_credentials_only_without_real_ones() -> None:
    url = "http://localhost:8000"
    assert external_store_settings(STAGE, {}, url) == {**STAGE, "AWS_ENDPOINT_URL_DYNAMODB": url}
    own = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "mine", "AWS_REGION": "eu-west-1"}
    assert external_store_settings(STAGE, own, url) == {
        "CHAT_JWT_SECRET": "from the stage",
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
    }
    profile = external_store_settings(STAGE, {"AWS_PROFILE": "work"}, url)
    assert profile == {"CHAT_JWT_SECRET": "from the stage", "AWS_ENDPOINT_URL_DYNAMODB": url}


def test_remote_store_settings_contain_no_dummy_credentials() -> None:
    settings = external_store_settings(STAGE, {}, "https://dynamodb.example:8000")
    assert settings.keys() == {"CHAT_JWT_SECRET", "AWS_ENDPOINT_URL_DYNAMODB"}


def test_region_of_an_aws_endpoint_is_taken_from_its_host_name() -> None:
    url = "https://dynamodb.eu-central-1.amazonaws.com"
    assert external_store_settings(STAGE, {}, url)["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert external_store_settings(STAGE, {"AWS_DEFAULT_REGION": "eu-west-1"}, url)["AWS_REGION"] == "eu-west-1"
