"""The commands `deploy`, `destroy` and `token`."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from infra.__main__ import main
from infra.deploy.artefacts import read_build
from infra.deploy.console import Console
from infra.deploy.tokens import token_command, token_for
from infra.errors import InfraError
from tests.deploy.fakes import BUILD, TRIAL, Aws, FakeSsm

SECRET = "a secret for this file only, of sufficient length"


def a_build(place: Path) -> Path:
    (place / "deployment.zip").write_bytes(BUILD.bundle)
    (place / "template.json").write_text(json.dumps(BUILD.template))
    return place


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_commands_without_a_terminal_require_yes(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main([command, "--stage", "dev"]) == 1
    output = capsys.readouterr()
    assert "there is no terminal. Confirm in advance with --yes (make: YES=1)" in output.err
    assert output.out == ""


@pytest.mark.parametrize("command", ["deploy --yes", "destroy --yes", "token alice"])
def test_unknown_stage_is_reported(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--stage", "moon"]) == 1
    assert "no deployable stage 'moon'" in capsys.readouterr().err


def test_build_has_a_version(tmp_path: Path) -> None:
    build = read_build(a_build(tmp_path), TRIAL)
    assert build == BUILD and build.version == "1+abc"


def test_build_of_another_stage_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="contains a build of stage try, not of other"):
        read_build(a_build(tmp_path), replace(TRIAL, name="other"))


def test_directory_without_a_build_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="contains no build"):
        read_build(tmp_path, TRIAL)


def test_token_is_signed_with_the_stage_secret() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    token = token_for(aws.account, TRIAL, "alice", "Alice", 60)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["name"], claims["exp"] - claims["iat"]) == ("alice", "Alice", 60)


def test_command_for_a_token_names_the_region_that_the_deployment_named() -> None:
    """The secret is in that region: the default one has none, or that of another stage."""
    plain = ".venv/bin/python -m infra token alice --name Alice --stage try"
    assert token_command(TRIAL, None) == plain
    assert token_command(TRIAL, "eu-west-1") == f"{plain} --region eu-west-1"


def test_token_has_the_configured_issuer_and_audience() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    environment = {**TRIAL.environment, "CHAT_JWT_ISSUER": "us", "CHAT_JWT_AUDIENCE": "chat"}
    token = token_for(aws.account, replace(TRIAL, environment=environment), "alice", None, 60)
    assert jwt.decode(token, SECRET, algorithms=["HS256"], audience="chat", issuer="us")["sub"] == "alice"


def test_token_of_a_stage_that_moves_away_from_its_secret_has_the_claims_of_that_secret() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    environment = {
        "CHAT_JWKS_URL": "https://id.test/keys",
        "CHAT_JWT_ISSUER": "https://id.test/",
        "CHAT_SECOND_JWT_SECRET_PARAMETER": "/chat/try/secret",
        "CHAT_SECOND_JWT_ISSUER": "us",
    }
    token = token_for(aws.account, replace(TRIAL, environment=environment), "alice", None, 60)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["iss"]) == ("alice", "us")


def test_token_without_a_secret_is_an_error() -> None:
    with pytest.raises(InfraError, match="run make deploy STAGE=try to create it"):
        token_for(Aws().account, TRIAL, "alice", None, 60)
    with pytest.raises(InfraError, match="identity provider"):
        token_for(Aws().account, replace(TRIAL, environment={}), "alice", None, 60)


def test_token_for_an_invalid_participant_is_an_error() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    with pytest.raises(InfraError, match="1 to 255 visible ASCII characters"):
        token_for(aws.account, TRIAL, "no body", None, 60)


@pytest.mark.parametrize("typed", ["y", "Yes "])
def test_yes_confirms(typed: str) -> None:
    assert Console(prompt=lambda _: typed).confirm("Go ahead?")


@pytest.mark.parametrize("typed", ["n", "", "yup"])
def test_any_other_answer_declines(typed: str) -> None:
    assert not Console(prompt=lambda _: typed).confirm("Go ahead?")


def test_end_of_input_declines() -> None:
    def ask(_: str) -> str:
        raise EOFError

    assert not Console(prompt=ask).confirm("Go ahead?")
