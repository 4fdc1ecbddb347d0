"""The permission that a call of the callback API requires, and API Gateway's error format.

Source: "Control access to a WebSocket API with AWS IAM authorization" (API Gateway developer guide): the action is
execute-api:ManageConnections; the resource names API, stage, method and path.
"""

from __future__ import annotations

import json
from urllib.parse import unquote

from aiohttp import web

from local.iam.access import Access, RequestDenied

_METHODS = ("POST", "GET", "DELETE")
_ACTION = "execute-api:ManageConnections"


class CallbackApi:
    """The `Service` of `@connections`."""

    signing_name = "execute-api"

    def __init__(self, partition: str, region: str, account: str, api: str, path: str) -> None:
        """`path` is the endpoint's path, which ends with the stage."""
        self._segments = [*path.split("/"), "@connections"]
        stage = path.rpartition("/")[2]
        self._stage = f"arn:{partition}:execute-api:{region}:{account}:{api}/{stage}"

    def required_accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """See `Service`; ids are percent-decoded, so that `=` and `%3D` are equal."""
        *segments, connection_id = (unquote(segment) for segment in request.raw_path.partition("?")[0].split("/"))
        if request.method not in _METHODS or segments != self._segments or not connection_id:
            # API Gateway's response for unknown paths, even if the request is signed.
            unknown = Access(_ACTION, "*")
            raise RequestDenied("MissingAuthenticationTokenException", "Missing Authentication Token", [unknown])
        return [Access(_ACTION, f"{self._stage}/{request.method}/@connections/{connection_id}")]

    def error_response(self, denial: RequestDenied) -> web.Response:
        """Return status 403 with the code in a header, as all errors of API Gateway."""
        return web.Response(
            status=403,
            text=json.dumps({"message": denial.message}),
            content_type="application/json",
            headers={"x-amzn-ErrorType": denial.code},
        )
