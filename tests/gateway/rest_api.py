"""A REST API, its results and errors."""

from typing import Any

from local.gateway import Apis, RestApi, Route, load_gateway_responses

from .support import Reply

ARN = "arn:aws:execute-api:us-east-1:123456789012:restlocal0/local"
TOKEN = {"Authorization": "Bearer token"}


def api(handler: Any, *routes: Route, **more: Any) -> Apis:
    """Make a REST API with these routes, or with ``GET``, ``POST`` and ``PUT`` of ``/things/{thing}``."""
    default = [Route("/things/{thing}", method) for method in ("GET", "POST", "PUT")]
    return Apis(rest=RestApi(handler, routes or tuple(default), load_gateway_responses(), **more))


def error(reply: Reply) -> tuple[int, str]:
    """Return status and code of an error response; its request id must be the one in the header."""
    document = reply.json()
    assert document["request_id"] == reply.headers["x-amzn-RequestId"]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert document["error"]["message"]
    return reply.status, document["error"]["code"]


def ok(body: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"statusCode": 200, "body": body, **more}
