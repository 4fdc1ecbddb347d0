"""Tokens for development, and the app's own rules for what they contain."""

from __future__ import annotations

import jwt
import pytest

from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier
from local.cli import main
from local.errors import LocalError
from local.settings import stage_environment
from local.tokens import DAY, mint, mint_for, mint_for_service

SECRET = "a secret of at least thirty-two bytes"
SETTINGS = {"CHAT_JWT_SECRET": SECRET}


def claims_of(token: str, **options: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, SECRET, algorithms=["HS256"], **options)  # type: ignore[arg-type]
    return claims


def test_token_contains_subject_name_and_lifetime() -> None:
    token = mint("alice", "Alice", 60, secret=SECRET, now=4_000_000_000.9)
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert claims == {"sub": "alice", "name": "Alice", "iat": 4_000_000_000, "exp": 4_000_000_060}


def test_default_lifetime_is_one_day() -> None:
    claims = claims_of(mint("alice", secret=SECRET))
    assert isinstance(claims["iat"], int)
    assert claims["exp"] == claims["iat"] + DAY
    assert "name" not in claims


def test_configured_issuer_and_audience_are_in_the_token() -> None:
    settings = {**SETTINGS, "CHAT_JWT_ISSUER": "https://issuer.example", "CHAT_JWT_AUDIENCE": "chat"}
    claims = claims_of(mint_for("alice", None, 60, settings), audience="chat", issuer="https://issuer.example")
    assert (claims["iss"], claims["aud"]) == ("https://issuer.example", "chat")


def test_type_is_in_the_configured_claim() -> None:
    assert claims_of(mint_for("robot", None, 60, SETTINGS, "agent"))["participant_type"] == "agent"
    settings = {**SETTINGS, "CHAT_JWT_TYPE_CLAIM": "kind"}
    assert claims_of(mint_for("robot", None, 60, settings, "agent"))["kind"] == "agent"
    assert claims_of(mint_for("robot", None, 60, SETTINGS)).keys() == {"sub", "iat", "exp"}


@pytest.mark.parametrize("participant", ["a", "auth0|5f", "a#b", "x/y", "~" * 255])
def test_any_visible_ascii_is_a_valid_participant_id(participant: str) -> None:
    assert claims_of(mint_for(participant, None, 60, SETTINGS))["sub"] == participant


@pytest.mark.parametrize("participant", ["", " ", "a b", "ä", "a\n", "x" * 256])
def test_invalid_participant_id_is_rejected_with_the_rule(participant: str) -> None:
    with pytest.raises(LocalError, match="1 to 255 visible ASCII characters"):
        mint_for(participant, None, 60, SETTINGS)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_invalid_name_is_rejected(name: str) -> None:
    with pytest.raises(LocalError, match="1 to 100 characters"):
        mint_for("alice", name, 60, SETTINGS)


def test_lifetime_of_zero_is_rejected() -> None:
    with pytest.raises(LocalError, match="--ttl"):
        mint_for("alice", None, 0, SETTINGS)


def test_missing_secret_is_reported_with_the_alternative() -> None:
    with pytest.raises(LocalError, match="identity provider"):
        mint_for("alice", None, 60, {})


def test_token_command_prints_only_the_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_JWT_SECRET", raising=False)
    assert main(["token", "bob", "--name", "Bob", "--ttl", "60"]) == 0
    printed = capsys.readouterr()
    secret = stage_environment()["CHAT_JWT_SECRET"]
    assert jwt.decode(printed.out.strip(), secret, algorithms=["HS256"])["sub"] == "bob"
    assert printed.err == ""


SERVICES = {**SETTINGS, "CHAT_SERVICE_SCOPE": "chat-service", "CHAT_SERVICE_CLIENTS": "backend, jobs"}


@pytest.mark.parametrize(("client", "expected"), [(None, "backend"), ("", "backend"), ("jobs", "jobs")])
def test_token_of_a_service_has_scope_and_client(client: str | None, expected: str) -> None:
    claims = claims_of(mint_for_service(client, 60, SERVICES))
    assert (claims["scope"], claims["client_id"]) == ("chat-service", expected)
    identity = IdentitySettings(
        secret=SECRET, jwks_url=None, issuer=None, audience=None, service_scope="chat-service",
        service_clients=("backend", "jobs"),
    )  # fmt: skip
    assert TokenVerifier(identity, keys=None).verify(mint_for_service(client, 60, SERVICES)).service == expected


def test_service_that_is_not_configured_is_rejected() -> None:
    with pytest.raises(LocalError, match="'spa' is not in CHAT_SERVICE_CLIENTS"):
        mint_for_service("spa", 60, SERVICES)
    with pytest.raises(LocalError, match="CHAT_SERVICE_SCOPE"):
        mint_for_service(None, 60, SETTINGS)


@pytest.mark.parametrize("arguments", [["--service"], ["--service", "backend"]])
def test_token_command_prints_the_token_of_a_service(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["token", *arguments]) == 0
    claims = jwt.decode(capsys.readouterr().out.strip(), options={"verify_signature": False})
    assert (claims["sub"], claims["scope"]) == ("backend", stage_environment()["CHAT_SERVICE_SCOPE"])


@pytest.mark.parametrize("arguments", [[], ["alice", "--service"]])
def test_token_command_needs_a_participant_or_a_service(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["token", *arguments]) == 1
    assert "either a participant id" in capsys.readouterr().err


def test_token_command_rejects_an_invalid_participant_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "two words"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("A participant id is 1 to 255 visible ASCII characters")
