"""Settings: complete, of the right type, and never with the development secret on Lambda."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from serverless_chat.cli import profiles

from chalicelib.settings import CLIENT_VARIABLES, Settings, SettingsError, known_names

ENVIRONMENT = {
    "CHAT_CONVERSATIONS_TABLE": "conversations",
    "CHAT_CONNECTIONS_TABLE": "connections",
    "CHAT_MANAGEMENT_ENDPOINT": "https://example.invalid/dev",
    "CHAT_JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "AWS_REGION": "eu-central-1",
}


def test_complete_environment_gives_settings_with_the_defaults() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.region == "eu-central-1"
    assert (settings.limits.participants, settings.limits.content_characters) == (100, 10_000)
    assert (settings.limits.messages_per_second, settings.limits.message_burst) == (10, 100)
    assert settings.timing.ping_interval == 240


@pytest.mark.parametrize("missing", sorted(ENVIRONMENT))
def test_missing_setting_is_named(missing: str) -> None:
    rest = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(SettingsError, match="AWS_DEFAULT_REGION" if missing == "AWS_REGION" else missing):
        Settings.from_environment(rest)


def test_limits_and_times_are_configurable() -> None:
    more = {"CHAT_LIMIT_PARTICIPANTS": "1000", "CHAT_TIME_HTTP_FAN_OUT": "0.5", "CHAT_TIME_PING_INTERVAL": "60"}
    settings = Settings.from_environment(ENVIRONMENT | more)
    assert settings.limits.participants == 1000
    assert settings.timing.http_fan_out == 0.5
    assert settings.timing.ping_interval == 60


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHAT_LIMIT_PARTICIPANTS", "many", "must be a number"),
        ("CHAT_LIMIT_PARTICIPANTS", "0", "at least 1"),
        ("CHAT_LIMIT_CONTENT_BYTES", "24001", "at most 24000"),
        ("CHAT_LIMIT_PARTICIPANT", "5", "CHAT_LIMIT_PARTICIPANTS"),
        ("CHAT_TIME_PING", "5", "CHAT_TIME_PING_INTERVAL"),
        ("CHAT_TIME_PRESENCE_DEBOUNCE", "901", "0 to 900 seconds"),
        ("CHAT_TIME_PRESENCE_DEBOUNCE", "-1", "0 to 900 seconds"),
        ("CHAT_TIME_HOOK", "0", "at most 4 seconds"),
        ("CHAT_TIME_HOOK", "4.5", "at most 4 seconds"),
        ("CHAT_HOOK_FAILURE", "ignore", "CHAT_HOOK_FAILURE must be allow or refuse"),
        ("CHAT_JWT_SECRET", "short", "32"),
        ("CHAT_JWT_LEEWAY", "a bit", "CHAT_JWT_LEEWAY"),
        ("CHAT_JWT_TYPE_CLAIM", " ", "CHAT_JWT_TYPE_CLAIM is blank"),
        ("CHAT_JWT_SECRET_PARAMETER", "/chat/secret", "not both"),
        ("CHAT_ALLOWED_ORIGINS", "*,https://a.example", "CHAT_ALLOWED_ORIGINS"),
        ("CHAT_ALLOWED_ORIGINS", " , ", "CHAT_ALLOWED_ORIGINS"),
        ("CHAT_HISTORY_ID", "conversations", "CHAT_HISTORY_ID: a history id is a whole number, a dot"),
    ],
)
def test_invalid_setting_is_explained(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment(ENVIRONMENT | {name: value})


@pytest.mark.parametrize(
    ("text", "expected"), [(None, "0.conversations"), ("", "0.conversations"), ("7.a", "7.a")]
)
def test_history_id_is_the_first_of_the_table_by_default(text: str | None, expected: str) -> None:
    more = {} if text is None else {"CHAT_HISTORY_ID": text}
    assert str(Settings.from_environment(ENVIRONMENT | more).history_id) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [(None, "participant_type"), ("", "participant_type"), ("kind", "kind")]
)
def test_claim_with_the_type_has_a_default_and_applies_to_both_issuers(text: str | None, expected: str) -> None:
    more = {"CHAT_SECOND_JWKS_URL": "https://id.test/keys"} | (
        {} if text is None else {"CHAT_JWT_TYPE_CLAIM": text}
    )
    identity = Settings.from_environment(ENVIRONMENT | more).identity
    assert identity.second is not None
    assert (identity.type_claim, identity.second.type_claim) == (expected, expected)


def test_second_issuer_has_settings_of_its_own() -> None:
    second = {"CHAT_SECOND_JWKS_URL": "https://id.test/keys", "CHAT_SECOND_JWT_ISSUER": "https://id.test/"}
    identity = Settings.from_environment(ENVIRONMENT | second | {"CHAT_JWT_LEEWAY": "7"}).identity
    assert identity.second is not None
    assert (identity.jwks_url, identity.issuer) == (None, None)
    assert (identity.second.secret, identity.second.jwks_url) == (None, "https://id.test/keys")
    assert (identity.second.issuer, identity.second.leeway) == ("https://id.test/", 7)
    assert Settings.from_environment(ENVIRONMENT | {"CHAT_SECOND_JWKS_URL": ""}).identity.second is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHAT_SECOND_JWT_SECRET", "short", "CHAT_SECOND_JWT_SECRET has 5 bytes"),
        ("CHAT_SECOND_JWKS_URL", "http://id.test/keys", "CHAT_SECOND_JWKS_URL: "),
        ("CHAT_SECOND_JWT_ISSUER", "https://id.test/", "set CHAT_SECOND_JWKS_URL"),
    ],
)
def test_invalid_setting_of_the_second_issuer_is_explained(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment(ENVIRONMENT | {name: value})


def test_development_secret_is_rejected_on_lambda_only() -> None:
    config = json.loads((Path(__file__).parents[2] / ".chalice" / "config.json").read_text())
    secret = config["stages"]["local"]["environment_variables"]["CHAT_JWT_SECRET"]
    local = ENVIRONMENT | {"CHAT_JWT_SECRET": secret}
    assert Settings.from_environment(local).identity.secret == secret
    with pytest.raises(SettingsError, match="public secret for development"):
        Settings.from_environment(local | {"AWS_LAMBDA_FUNCTION_NAME": "chat-dev"})
    second = ENVIRONMENT | {"CHAT_SECOND_JWT_SECRET": secret, "AWS_LAMBDA_FUNCTION_NAME": "chat-dev"}
    with pytest.raises(SettingsError, match="public secret for development"):
        Settings.from_environment(second)


def test_settings_do_not_show_the_secret() -> None:
    assert ENVIRONMENT["CHAT_JWT_SECRET"] not in repr(Settings.from_environment(ENVIRONMENT))


class Recorder(dict[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def test_table_of_settings_names_every_variable_that_is_read() -> None:
    environment = Recorder(ENVIRONMENT)
    Settings.from_environment(environment)
    assert {name for name in environment.read if name.startswith("CHAT_")} <= set(known_names())


@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [
        ("CHAT_JWT_LEWAY", "CHAT_JWT_LEEWAY"),
        ("CHAT_JWKS_URI", "CHAT_JWKS_URL"),
        ("CHAT_RETENTION_DAY", "CHAT_RETENTION_DAYS"),
        ("CHAT_ALLOWED_ORIGIN", "CHAT_ALLOWED_ORIGINS"),
        ("CHAT_LIMITS_PARTICIPANTS", "CHAT_LIMIT_PARTICIPANTS"),
    ],
)
def test_misspelt_setting_is_rejected_with_the_nearest_name(misspelt: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown setting {misspelt}; did you mean {nearest}"):
        Settings.from_environment(ENVIRONMENT | {misspelt: "1"})


def test_variables_of_the_command_line_of_the_client_are_no_misspelt_settings() -> None:
    """`make run` prints them, and is often started again in the shell that has them."""
    of_client = {"CHAT_PROFILE", profiles.TOKEN_VARIABLE, *profiles.URL_VARIABLES}
    assert of_client == CLIENT_VARIABLES
    Settings.from_environment(ENVIRONMENT | dict.fromkeys(of_client, "x"))


@pytest.mark.parametrize(("text", "required"), [("", False), ("anyone", False), ("consent", True)])
def test_additions_may_require_consent(text: str, required: bool) -> None:
    assert Settings.from_environment(ENVIRONMENT | {"CHAT_ADDING": text}).requires_consent == required


def test_unknown_way_of_adding_is_rejected() -> None:
    with pytest.raises(SettingsError, match="CHAT_ADDING must be anyone or consent"):
        Settings.from_environment(ENVIRONMENT | {"CHAT_ADDING": "none"})


def test_loopback_webhooks_are_refused_on_lambda() -> None:
    local = ENVIRONMENT | {"CHAT_WEBHOOKS_LOCAL": "1"}
    assert Settings.from_environment(local).webhooks_local
    with pytest.raises(SettingsError, match="CHAT_WEBHOOKS_LOCAL is for development"):
        Settings.from_environment(local | {"AWS_LAMBDA_FUNCTION_NAME": "chat"})


def test_variables_of_other_programs_are_ignored() -> None:
    Settings.from_environment(ENVIRONMENT | {"CHAT_FUZZ_SECONDS": "5", "CHATTER": "yes", "chat_jwt_leway": "1"})


def test_deployment_has_no_hook_unless_it_is_named() -> None:
    default = Settings.from_environment(ENVIRONMENT)
    assert (default.hook, default.allows_on_hook_failure, default.timing.hook) == (None, True, 2.0)
    assert Settings.from_environment(ENVIRONMENT | {"CHAT_HOOK": ""}).hook is None
    hook = {"CHAT_HOOK": "chat-hook:live", "CHAT_HOOK_FAILURE": "refuse"}
    found = Settings.from_environment(ENVIRONMENT | hook)
    assert (found.hook, found.allows_on_hook_failure) == ("chat-hook:live", False)


def test_events_are_off_by_default_and_have_a_queue() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert (settings.events, settings.delivery_queue) == (False, None)
    queue = "https://sqs.example/deliveries"
    settings = Settings.from_environment({**ENVIRONMENT, "CHAT_EVENTS": "on", "CHAT_DELIVERY_QUEUE": queue})
    assert (settings.events, settings.delivery_queue) == (True, queue)
    with pytest.raises(SettingsError, match="CHAT_EVENTS must be off or on"):
        Settings.from_environment({**ENVIRONMENT, "CHAT_EVENTS": "yes"})


@pytest.mark.parametrize("name", ["CHAT_TIME_TYPING_INTERVAL", "CHAT_TIME_TICKET_LIFETIME"])
@pytest.mark.parametrize("value", ["-1", "nan", "inf", "-inf", "1e999"])
def test_time_that_is_negative_or_not_finite_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(ENVIRONMENT | {name: value})
