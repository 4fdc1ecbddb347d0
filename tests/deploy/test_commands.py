"""The commands, as a person types them."""

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
from infra.deploy.tokens import token_for
from infra.errors import InfraError
from tests.deploy.fakes import BUILD, TRIAL, Aws, FakeSsm

SECRET = "a secret that is only in this file, and long enough"


def a_build(place: Path) -> Path:
    (place / "deployment.zip").write_bytes(BUILD.bundle)
    (place / "template.json").write_text(json.dumps(BUILD.template))
    return place


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_without_a_terminal_the_commands_ask_for_yes_before_they_do_anything(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main([command, "--stage", "dev"]) == 1
    said = capsys.readouterr()
    assert "there is no terminal to ask on. Agree beforehand with --yes (make: YES=1)" in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", ["deploy --yes", "destroy --yes", "token alice"])
def test_a_stage_that_there_is_not_is_said_so(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--stage", "moon"]) == 1
    assert "no stage 'moon'" in capsys.readouterr().err


def test_a_build_says_its_version(tmp_path: Path) -> None:
    build = read_build(a_build(tmp_path), TRIAL)
    assert build == BUILD and build.version == "1+abc"


def test_a_build_of_another_stage_is_not_deployed(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="holds a build of stage try, not of other"):
        read_build(a_build(tmp_path), replace(TRIAL, name="other"))


def test_a_directory_without_a_build_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="holds no build"):
        read_build(tmp_path, TRIAL)


def test_a_token_is_signed_with_the_stages_secret() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    token = token_for(aws.account, TRIAL, "alice", "Alice", 60)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["name"], claims["exp"] - claims["iat"]) == ("alice", "Alice", 60)


def test_a_token_says_issuer_and_audience_where_the_stage_asks_for_them() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    environment = {**TRIAL.environment, "CHAT_JWT_ISSUER": "us", "CHAT_JWT_AUDIENCE": "chat"}
    token = token_for(aws.account, replace(TRIAL, environment=environment), "alice", None, 60)
    assert jwt.decode(token, SECRET, algorithms=["HS256"], audience="chat", issuer="us")["sub"] == "alice"


def test_there_is_no_token_without_a_secret() -> None:
    with pytest.raises(InfraError, match="make deploy STAGE=try makes it"):
        token_for(Aws().account, TRIAL, "alice", None, 60)
    with pytest.raises(InfraError, match="identity provider"):
        token_for(Aws().account, replace(TRIAL, environment={}), "alice", None, 60)


def test_there_is_no_token_for_who_is_no_participant() -> None:
    aws = Aws(ssm=FakeSsm({"/chat/try/secret": (SECRET, [])}))
    with pytest.raises(InfraError, match="1 to 255 visible ASCII characters"):
        token_for(aws.account, TRIAL, "no body", None, 60)


@pytest.mark.parametrize("typed", ["y", "Yes "])
def test_agreeing_is_typed(typed: str) -> None:
    assert Console(prompt=lambda _: typed).confirm("Go ahead?")


@pytest.mark.parametrize("typed", ["n", "", "yup"])
def test_all_else_is_no_agreement(typed: str) -> None:
    assert not Console(prompt=lambda _: typed).confirm("Go ahead?")


def test_the_end_of_input_is_no_agreement() -> None:
    def ask(_: str) -> str:
        raise EOFError

    assert not Console(prompt=ask).confirm("Go ahead?")
