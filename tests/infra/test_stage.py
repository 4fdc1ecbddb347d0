"""The settings of a stage: their validation, and the errors for invalid ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.environment import TEMPLATE_VARIABLES
from infra.errors import InfraError
from infra.events import EventSettings
from infra.hook import hook_of
from infra.runtime import runtime_for
from infra.stage import Stage, read_stage

Json = dict[str, Any]
SIGN_IN = {"CHAT_JWKS_URL": "https://id.test/keys"}


def stage(project: Path, **changed: Any) -> Stage:
    settings: Json = {
        "api_gateway_stage": "dev",
        "lambda_architecture": "arm64",
        "environment_variables": SIGN_IN,
        "infra": {},
        **changed,
    }
    config = {"app_name": "chat", "stages": {"dev": settings}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    return read_stage(project, "dev")


def complaint(project: Path, **changed: Any) -> str:
    with pytest.raises(InfraError) as caught:
        stage(project, **changed)
    return str(caught.value)


def test_stage_has_sensible_defaults(project: Path) -> None:
    found = stage(project)
    assert found.full_name == "chat-dev"
    assert found.architecture == "arm64"
    assert found.infra.production is False
    assert found.infra.allowed_origins == ["*"]
    assert found.infra.log_retention_days == 14
    assert found.secret_parameters == {}


def test_missing_configuration_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match=r"config\.json cannot be read"):
        read_stage(tmp_path, "dev")


@pytest.mark.parametrize("name", ["my_stage", "x" * 33, "über"])
def test_stage_name_must_fit_the_names_of_resources(name: str, project: Path) -> None:
    settings = {"api_gateway_stage": "x", "lambda_architecture": "arm64", "infra": {}}
    config = {"app_name": "chat", "stages": {name: settings}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InfraError, match="up to 32 letters, digits and hyphens"):
        read_stage(project, name)


def test_secret_in_the_configuration_is_rejected(project: Path) -> None:
    for variable in ("CHAT_JWT_SECRET", "CHAT_SECOND_JWT_SECRET"):
        message = complaint(project, environment_variables={variable: "x" * 40})
        assert f"contain {variable}, which is readable in the function's configuration" in message
        assert "x" * 40 not in message


@pytest.mark.parametrize("name", TEMPLATE_VARIABLES)
def test_variable_of_the_template_is_rejected(name: str, project: Path) -> None:
    assert f"contain {name}, which the template sets" in complaint(
        project, environment_variables={**SIGN_IN, name: "x"}
    )


def test_misspelt_variable_is_rejected_with_the_nearest_name(project: Path) -> None:
    for name in ("CHAT_RETENTION_DAY", "CHAT_PROFILE"):  # the latter is only in a shell a variable of the client
        message = complaint(project, environment_variables={**SIGN_IN, name: "90"})
        assert f"unknown setting {name}; did you mean {name}S?" in message


def test_stage_without_token_verification_is_rejected(project: Path) -> None:
    assert "have no key to verify tokens" in complaint(project, environment_variables={})


def test_secret_parameter_must_be_a_full_name(project: Path) -> None:
    found = stage(project, environment_variables={"CHAT_JWT_SECRET_PARAMETER": "/chat/dev/jwt-secret"})
    assert found.secret_parameters == {"CHAT_": "/chat/dev/jwt-secret"}
    for variable in ("CHAT_JWT_SECRET_PARAMETER", "CHAT_SECOND_JWT_SECRET_PARAMETER"):
        message = complaint(project, environment_variables={**SIGN_IN, variable: "/chat/*"})
        assert f"{variable} must be the full name of a parameter" in message


def test_first_secret_parameter_signs_tokens_for_trials(project: Path) -> None:
    second = {"CHAT_SECOND_JWT_SECRET_PARAMETER": "/chat/dev/next"}
    assert stage(project, environment_variables=SIGN_IN | second).secret_parameters == {
        "CHAT_SECOND_": "/chat/dev/next"
    }
    both = stage(project, environment_variables={"CHAT_JWT_SECRET_PARAMETER": "/chat/dev/secret", **second})
    assert list(both.secret_parameters.values()) == ["/chat/dev/secret", "/chat/dev/next"]


@pytest.mark.parametrize("origins", [[], ["https://a.test/path"], ["a.test"], ["*", "https://a.test"], ["'*'"]])
def test_invalid_origin_is_rejected(origins: list[str], project: Path) -> None:
    assert "infra of stage dev:\n    allowed_origins: " in complaint(project, infra={"allowed_origins": origins})


def test_several_origins_are_accepted(project: Path) -> None:
    origins = ["https://a.test", "http://localhost:5173"]
    assert stage(project, infra={"allowed_origins": origins}).infra.allowed_origins == origins


@pytest.mark.parametrize(
    ("infra", "where"),
    [
        ({"log_retention_days": 15}, "log_retention_days: "),
        ({"http_throttle": {"share": 0}}, "http_throttle.share: "),
        ({"http_throttle": {"rate": 1, "burst": 1}}, "http_throttle.share: "),
        ({"runtime": "python3.10"}, "runtime: "),
        ({"permissions_boundary": "arn:aws:iam::1:policy/x"}, "permissions_boundary: "),
        ({"retention": 14}, "retention: "),
        ({"alarms": {"mail": "a@b.test"}}, "alarms.mail: "),
        ({"events": {"concurrency": 1}}, "events.concurrency: "),
        ({"events": {"queue": "mine"}}, "events.queue: "),
        ({"events": "on"}, "events: "),
    ],
)
def test_invalid_setting_is_named_with_its_path(infra: Json, where: str, project: Path) -> None:
    assert f".chalice/config.json: infra of stage dev:\n    {where}" in complaint(project, infra=infra)


def test_events_are_turned_on_by_true_or_by_settings(project: Path) -> None:
    assert stage(project).infra.events is None
    assert stage(project, infra={"events": False}).infra.events is None
    assert stage(project, infra={"events": True}).infra.events == EventSettings()
    assert stage(project, infra={"events": {}}).infra.events == EventSettings()
    assert stage(project, infra={"events": {"concurrency": 9}}).infra.events == EventSettings(concurrency=9)


def with_endpoints(*endpoints: Json) -> Json:
    return {"environment_variables": {**SIGN_IN, "CHAT_ENDPOINTS": json.dumps(endpoints)}}


def test_endpoints_of_the_settings_name_their_secrets_and_buses(project: Path) -> None:
    hook = {"url": "https://hooks.test.example/chat", "secret_parameter": "/chat/dev/hook"}
    given = with_endpoints(hook, {"event_bus": "chat"}, {"event_bus": "default"})
    found = stage(project, infra={"events": True}, **given).endpoints
    assert [endpoint.secret_parameter for endpoint in found] == ["/chat/dev/hook", None, None]
    assert [endpoint.url for endpoint in found[1:]] == ["chat", "default"]
    assert stage(project).endpoints == []


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (
            {"url": "http://hooks.test/", "secret_parameter": "/chat/hook"},
            "entry 1 has a url that",
        ),
        ({"url": "https://hooks.test/chat"}, "entry 1 must have url and secret_parameter"),
        ({"event_bus": "my bus"}, "'my bus' is not the name of an event bus"),
    ],
)
def test_invalid_endpoint_is_reported_before_a_deployment(endpoint: Json, message: str, project: Path) -> None:
    assert message in complaint(project, infra={"events": True}, **with_endpoints(endpoint))


def test_endpoints_require_events(project: Path) -> None:
    message = complaint(project, **with_endpoints({"event_bus": "chat"}))
    assert "contain CHAT_ENDPOINTS, but the stage publishes no events: set infra.events" in message


def test_webhooks_on_the_same_machine_are_for_development(project: Path) -> None:
    message = complaint(project, environment_variables={**SIGN_IN, "CHAT_WEBHOOKS_LOCAL": "1"})
    assert "CHAT_WEBHOOKS_LOCAL, which is for development" in message


@pytest.mark.parametrize("architecture", ["arm", None, "x86"])
def test_unknown_architecture_is_rejected(architecture: str | None, project: Path) -> None:
    assert "must be arm64 or x86_64" in complaint(project, lambda_architecture=architecture)


def test_architecture_is_configurable(project: Path) -> None:
    assert stage(project, lambda_architecture="x86_64").architecture == "x86_64"


@pytest.mark.parametrize("name", [None, "", "a/b"])
def test_stage_requires_a_name_for_its_urls(name: str | None, project: Path) -> None:
    assert "needs api_gateway_stage" in complaint(project, api_gateway_stage=name)


def test_placeholder_settings_are_listed(project: Path) -> None:
    example = {"CHAT_JWKS_URL": "https://id.example.com/keys", "CHAT_JWT_AUDIENCE": "chat"}
    assert stage(project, environment_variables=example).placeholder_settings() == ["CHAT_JWKS_URL"]
    origins = {"allowed_origins": ["https://a.test", "https://chat.example.org"]}
    assert stage(project, infra=origins).placeholder_settings() == ["infra.allowed_origins"]
    assert stage(project).placeholder_settings() == []


def test_default_runtime_is_that_of_the_running_interpreter() -> None:
    assert runtime_for(None, "arm64").cache_tag == sys.implementation.cache_tag


ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"


@pytest.mark.parametrize("hook", ["chat-hook", "chat-hook:live", f"{ARN}chat-hook", f"{ARN}chat-hook:$LATEST"])
def test_hook_is_the_name_or_arn_of_a_function(hook: str, project: Path) -> None:
    found = stage(project, environment_variables={**SIGN_IN, "CHAT_HOOK": hook})
    assert hook_of(found.environment) == hook


@pytest.mark.parametrize("hook", ["examples.product.hook:ask", "chat hook", f"{ARN}", "arn:aws:s3:::chat-hook"])
def test_other_hook_is_refused(hook: str, project: Path) -> None:
    found = complaint(project, environment_variables={**SIGN_IN, "CHAT_HOOK": hook})
    assert "CHAT_HOOK must be the name or the ARN" in found


def test_hook_that_the_boundary_does_not_allow_is_refused(project: Path) -> None:
    environment = {**SIGN_IN, "CHAT_HOOK": "moderation"}
    assert "begins with chat-" in complaint(project, environment_variables=environment)
    found = stage(project, environment_variables=environment, infra={"permissions_boundary": "mine"})
    assert hook_of(found.environment) == "moderation"


def test_stage_without_a_hook_has_none(project: Path) -> None:
    assert hook_of(stage(project).environment) is None
    assert hook_of(stage(project, environment_variables={**SIGN_IN, "CHAT_HOOK": ""}).environment) is None
