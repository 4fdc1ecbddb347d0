"""The definition of API Gateway's own responses, its loader and its rendering."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.gateway import GatewayResponses, load_gateway_responses
from local.gateway.gateway_responses import DEFAULT_PATH, InvalidGatewayResponses

DEFINITION: dict[str, Any] = json.loads(DEFAULT_PATH.read_text("utf-8"))

# All types of "Gateway response types for API Gateway"
TYPES = {
    "ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED",
    "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
}  # fmt: skip


def test_every_gateway_response_type_has_a_default() -> None:
    assert DEFINITION.keys() == TYPES


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_gateway_response_has_the_error_format_and_cors_headers(kind: str) -> None:
    answer = load_gateway_responses().render(kind, "id-1")
    document = json.loads(answer.body)
    assert document.keys() == {"error", "request_id"}
    assert document["request_id"] == "id-1"
    assert {"code", "message"} <= document["error"].keys() <= {"code", "message", "retry_after"}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("ACCESS_DENIED", 401, "UNAUTHORIZED"),
        ("UNAUTHORIZED", 401, "UNAUTHORIZED"),
        ("EXPIRED_TOKEN", 401, "UNAUTHORIZED"),
        ("INVALID_SIGNATURE", 401, "UNAUTHORIZED"),
        ("INVALID_API_KEY", 403, "FORBIDDEN"),
        ("MISSING_AUTHENTICATION_TOKEN", 404, "NOT_FOUND"),
        ("RESOURCE_NOT_FOUND", 404, "NOT_FOUND"),
        ("THROTTLED", 429, "RATE_LIMITED"),
        ("QUOTA_EXCEEDED", 429, "RATE_LIMITED"),
        ("REQUEST_TOO_LARGE", 413, "TOO_LARGE"),
        ("BAD_REQUEST_BODY", 400, "VALIDATION_FAILED"),
        ("BAD_REQUEST_PARAMETERS", 400, "VALIDATION_FAILED"),
        ("UNSUPPORTED_MEDIA_TYPE", 404, "NOT_FOUND"),
        ("INTEGRATION_FAILURE", 503, "UNAVAILABLE"),
        ("AUTHORIZER_FAILURE", 503, "UNAVAILABLE"),
        ("INTEGRATION_TIMEOUT", 504, "UNAVAILABLE"),
        ("AUTHORIZER_CONFIGURATION_ERROR", 503, "UNAVAILABLE"),
        ("API_CONFIGURATION_ERROR", 500, "INTERNAL"),
        ("DEFAULT_5XX", 500, "INTERNAL"),
    ],
)
def test_status_and_code_per_type(kind: str, status: int, code: str) -> None:
    answer = load_gateway_responses().render(kind, "id-1")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_retryable_response_has_a_retry_after_header(kind: str) -> None:
    answer = load_gateway_responses().render(kind, "id-1")
    retry_after = json.loads(answer.body)["error"].get("retry_after")
    assert (retry_after is not None) == (answer.status in (429, 503, 504))
    assert answer.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))


def test_default_5xx_keeps_the_status() -> None:
    assert load_gateway_responses().render("DEFAULT_5XX", "id-1", status=502).status == 502


def test_default_responses_are_those_of_aws() -> None:
    answer = GatewayResponses({}).render("MISSING_AUTHENTICATION_TOKEN", "id-1")
    assert answer.status == 403
    assert answer.body == b'{"message":"Missing Authentication Token"}'
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_definition_can_change_only_the_status() -> None:
    answer = GatewayResponses({"THROTTLED": {"StatusCode": 503}}).render("THROTTLED", "id-1")
    assert (answer.status, answer.body) == (503, b'{"message":"Too Many Requests"}')


def test_undefined_type_falls_back_to_its_default_class() -> None:
    template = '{"type":"$context.error.responseType","text":$context.error.messageString}'
    responses = GatewayResponses({"DEFAULT_4XX": {"ResponseTemplates": {"application/json": template}}})
    assert json.loads(responses.render("THROTTLED", "id").body) == {
        "type": "THROTTLED",
        "text": "Too Many Requests",
    }
    assert responses.render("THROTTLED", "id").status == 429
    assert json.loads(responses.render("INTEGRATION_TIMEOUT", "id").body) == {
        "message": "Endpoint request timed out"
    }


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"NOT_A_TYPE": {}}, "NOT_A_TYPE: is not a gateway response type"),
        ({"THROTTLED": []}, "THROTTLED: must be an object"),
        ({"THROTTLED": {"Status": 429}}, "THROTTLED: must be an object"),
        ({"THROTTLED": {"StatusCode": "many"}}, "StatusCode"),
        ({"THROTTLED": {"StatusCode": 200}}, "StatusCode"),
        ({"THROTTLED": {"ResponseParameters": {"Cookies": {}}}}, "only Headers"),
        ({"THROTTLED": {"ResponseParameters": {"Headers": []}}}, "must be an object"),
        ({"THROTTLED": {"ResponseParameters": {"Headers": {"X": "*"}}}}, "single quotes"),
        ({"THROTTLED": {"ResponseParameters": {"Headers": {"X Y": "'*'"}}}}, "single quotes"),
        ({"THROTTLED": {"ResponseTemplates": {"text/html": ""}}}, "only application/json"),
        ({"THROTTLED": {"ResponseTemplates": {"application/json": 5}}}, "must be a string"),
        ({"THROTTLED": {"ResponseTemplates": {"application/json": "{"}}}, "does not render to JSON"),
        ({"THROTTLED": {"ResponseTemplates": {"application/json": '{"a":"$context.identity"}'}}}, "identity"),
    ],
)
def test_invalid_definition_is_rejected_by_name(entry: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidGatewayResponses, match=problem):
        GatewayResponses(entry)


@pytest.mark.parametrize("text", [None, "no JSON", "[]"])
def test_unreadable_file_is_rejected_by_name(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "responses.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidGatewayResponses, match=r"responses\.json"):
        load_gateway_responses(path)
