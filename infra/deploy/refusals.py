"""The requests that a deployed stage has to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that has to be refused."""

    description: str
    method: str
    path: str
    status: int
    code: str
    header: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


GARBAGE = {"Authorization": "Bearer not-a-token"}
_TOO_LARGE = 256 * 1024 + 1
REFUSALS = (  # by API Gateway and the authorizer
    Refusal("an unknown path is 404", "GET", "/nowhere", 404, "NOT_FOUND"),
    # Without the mock integrations, API Gateway reads the token as an AWS signature.
    Refusal("an unknown path with a token is 404", "GET", "/nowhere", 404, "NOT_FOUND", GARBAGE),
    Refusal("an unknown path below a known one is 404", "POST", "/health/x", 404, "NOT_FOUND", GARBAGE, b"x=1"),
    Refusal("a wrong method is 405 with Allow", "PUT", "/conversations", 405, "METHOD_NOT_ALLOWED", GARBAGE),
    Refusal("a request without a token is 401", "GET", "/conversations", 401, "UNAUTHORIZED"),
    Refusal("a request with an invalid token is 401", "GET", "/conversations", 401, "UNAUTHORIZED", GARBAGE),
)


REFUSALS_OF_THE_APPLICATION = (  # of requests with a valid token
    Refusal("an unknown conversation is 404", "GET", "/conversations/conv_x", 404, "NOT_FOUND"),
    Refusal("a body that is not JSON is 400", "POST", "/conversations", 400, "INVALID_JSON", body=b"{"),
    Refusal("an invalid body is 400", "POST", "/conversations", 400, "VALIDATION_FAILED", body=b"{}"),
    Refusal("a large body is 413", "POST", "/conversations", 413, "TOO_LARGE", body=b" " * _TOO_LARGE),
)
