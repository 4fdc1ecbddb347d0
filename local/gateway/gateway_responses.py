"""API Gateway's own responses, from the definition that is deployed.

``infra/gateway_responses.json`` has the format of ``GatewayResponses`` of an ``AWS::Serverless::Api`` (SAM).
Source of types, default status codes and fallbacks: "Gateway response types for API Gateway" in the API Gateway
developer guide.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_PATH = Path(__file__).parents[2] / "infra" / "gateway_responses.json"

# Type → default status code, message, and name in x-amzn-ErrorType.
_DEFAULTS: Mapping[str, tuple[int, str, str]] = {
    "ACCESS_DENIED": (403, "User is not authorized to access this resource", "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": (500, "Internal server error", "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "Internal server error", "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": (500, "Internal server error", "InternalServerErrorException"),
    "BAD_REQUEST_BODY": (400, "Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, "Bad Request", "BadRequestException"),
    "EXPIRED_TOKEN": (403, "The security token included in the request is expired", "ExpiredTokenException"),
    "INTEGRATION_FAILURE": (504, "Internal server error", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_API_KEY": (403, "Forbidden", "ForbiddenException"),
    "INVALID_SIGNATURE": (403, "The request signature does not match", "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": (
        403, "Missing Authentication Token", "MissingAuthenticationTokenException",
    ),
    "QUOTA_EXCEEDED": (429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long", "RequestTooLargeException"),
    "RESOURCE_NOT_FOUND": (404, "Not Found", "NotFoundException"),
    "THROTTLED": (429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": (401, "Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type", "UnsupportedMediaTypeException"),
    "WAF_FILTERED": (403, "Forbidden", "ForbiddenException"),
    "DEFAULT_4XX": (400, "Bad Request", "BadRequestException"),
    "DEFAULT_5XX": (500, "Internal server error", "InternalServerErrorException"),
}  # fmt: skip

_KEYS = {"StatusCode", "ResponseParameters", "ResponseTemplates"}
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")
_KNOWN_VARIABLES = {"requestId", "error.message", "error.messageString", "error.responseType"}
_JSON = "application/json"


class InvalidGatewayResponses(ValueError):
    """The definition is not valid for CloudFormation; the message names the entry at fault."""


@dataclass(frozen=True)
class RenderedResponse:
    """A response of the gateway itself, ready to send."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class GatewayResponses:
    """The configured gateway responses.

    Raises:
        InvalidGatewayResponses: ``definition`` is not valid for CloudFormation.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._entries = {name: _entry(name, entry) for name, entry in definition.items()}

    def render(self, kind: str, request_id: str, *, status: int | None = None) -> RenderedResponse:
        """Return the response of type ``kind``; ``status`` replaces its default status code."""
        default_status, message, error_type = _DEFAULTS[kind]
        status = status or default_status
        fallback = "DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"
        entry = self._entries.get(kind) or self._entries.get(fallback) or _Entry(None, {}, None)
        values = {
            "requestId": request_id,
            "error.message": message,
            "error.messageString": json.dumps(message),
            "error.responseType": kind,
        }
        template = entry.template or '{"message":$context.error.messageString}'
        body = _VARIABLE.sub(lambda match: values[match[1]], template)
        headers = {"Content-Type": _JSON, "x-amzn-RequestId": request_id, "x-amzn-ErrorType": error_type}
        return RenderedResponse(entry.status or status, {**headers, **entry.headers}, body.encode("utf-8"))


@dataclass(frozen=True)
class _Entry:
    status: int | None
    headers: Mapping[str, str]
    template: str | None


def _invalid(name: str, problem: str) -> InvalidGatewayResponses:
    return InvalidGatewayResponses(f"gateway response {name}: {problem}")


def _entry(name: str, entry: Any) -> _Entry:
    if name not in _DEFAULTS:
        raise _invalid(name, "is not a gateway response type of API Gateway")
    if not isinstance(entry, dict) or entry.keys() - _KEYS:
        raise _invalid(name, f"must be an object with only {', '.join(sorted(_KEYS))}")
    return _Entry(_status(name, entry), _headers(name, entry), _template(name, entry))


def _status(name: str, entry: dict[str, Any]) -> int | None:
    status = entry.get("StatusCode")
    if status is None:
        return None
    if not isinstance(status, int) or isinstance(status, bool) or not 400 <= status <= 599:
        raise _invalid(name, "StatusCode must be an integer from 400 to 599")
    return status


def _headers(name: str, entry: dict[str, Any]) -> Mapping[str, str]:
    parameters = entry.get("ResponseParameters", {})
    if not isinstance(parameters, dict) or parameters.keys() - {"Headers"}:
        raise _invalid(name, "ResponseParameters may contain only Headers")
    headers = parameters.get("Headers", {})
    if not isinstance(headers, dict):
        raise _invalid(name, "ResponseParameters.Headers must be an object")
    for header, value in headers.items():
        quoted = isinstance(value, str) and len(value) >= 2 and value[0] == value[-1] == "'"
        if not _HEADER_NAME.fullmatch(header) or not quoted:
            raise _invalid(name, f"header {header} must be a literal in single quotes, such as \"'*'\"")
    return {header: value[1:-1] for header, value in headers.items()}


def _template(name: str, entry: dict[str, Any]) -> str | None:
    templates = entry.get("ResponseTemplates", {})
    if not isinstance(templates, dict) or templates.keys() - {_JSON}:
        raise _invalid(name, f"ResponseTemplates may contain only {_JSON}")
    template = templates.get(_JSON)
    if template is None:
        return None
    if not isinstance(template, str):
        raise _invalid(name, "a template must be a string")
    unknown = set(_VARIABLE.findall(template)) - _KNOWN_VARIABLES
    if unknown:
        raise _invalid(name, f"the template uses $context.{min(unknown)}, which is not supported here")
    try:
        json.loads(_VARIABLE.sub(lambda match: '""' if match[1].endswith("String") else "x", template))
    except json.JSONDecodeError as exc:
        raise _invalid(name, f"the template does not render to JSON: {exc}") from exc
    return template


def load_gateway_responses(path: Path = DEFAULT_PATH) -> GatewayResponses:
    """Read the definition from ``path``.

    Raises:
        InvalidGatewayResponses: The file is unreadable, not JSON, or has the wrong shape.
    """
    try:
        definition = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidGatewayResponses(f"{path} is not readable as JSON: {exc}") from exc
    if not isinstance(definition, dict):
        raise InvalidGatewayResponses(f"{path} must contain one object: a gateway response per type")
    return GatewayResponses(definition)
