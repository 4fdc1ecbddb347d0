"""An ASGI application in front of MiniStack, which makes it behave like AWS where a stage depends on that.

The template, the zip and the deployment code are those for AWS. The differences:

1. Addresses. API ids are reached at `http://127.0.0.1:PORT/_aws/execute-api/ID`, not at
   `https://ID.execute-api.REGION.amazonaws.com`, in the outputs and in the functions' management endpoint.
2. Gateway responses. MiniStack's import of an API ignores `x-amazon-apigateway-gateway-responses`, to which SAM
   writes them, but supports resources of type `AWS::ApiGateway::GatewayResponse`; so each becomes a resource.
   Their names sort before that of the deployment: MiniStack creates independent resources in this order, and a
   deployment includes the responses that exist.
3. Variables of the functions, which the tests set: shorter and longer times.
4. Handshakes. MiniStack answers a handshake that `$connect` rejects with 403; this adapter answers with the
   handler's status, as API Gateway does.

5. Mock integrations. MiniStack's import of an API ignores their templates and responses, and the ANY method; this
   adapter adds them.

The first three are changed in a template during its upload to S3. The adapter also records the requests that the
deployer signs.
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]
App = Callable[[Json, Receive, Send], Awaitable[None]]
_TEMPLATE = re.compile(r"/[a-z0-9-]+-artefacts-[a-z0-9-]+/.+\.json")
# Headers that describe the body, and become wrong when it changes.
_BODY_HEADERS = re.compile(rb"content-(length|md5)|x-amz-(sdk-)?checksum-.*")
_SIGNED_BY = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_SECRET = "Value"
_ANY_METHOD = "x-amazon-apigateway-any-method"
_connect_status: contextvars.ContextVar[int] = contextvars.ContextVar("_connect_status")


class Adapter:
    """An ASGI application that forwards to MiniStack's."""

    def __init__(self, app: App, url: str, variables: Mapping[str, str], recorded_key: str, record: str) -> None:
        """`record` is a file: a line of JSON for each request that is signed with the key id `recorded_key`."""
        self._app = app
        self._url = url
        self._variables = variables
        self._recorded_key = recorded_key
        self._record_path = Path(record)

    def patch(self, apigateway: Any) -> None:
        """Make MiniStack's API Gateway module report the status of each `$connect` handler."""
        invoke = apigateway._invoke_ws_lambda

        async def invoke_and_report(*arguments: Any, **keywords: Any) -> Json | None:
            response: Json | None = await invoke(*arguments, **keywords)
            _connect_status.set(int((response or {}).get("statusCode", 200)))
            return response

        apigateway._invoke_ws_lambda = invoke_and_report

    @staticmethod
    def patch_import(apigateway: Any) -> None:
        """Make MiniStack's import of an HTTP API keep mock integrations and the ANY method."""
        import_operation = apigateway._import_operation
        apigateway._OPENAPI_HTTP_METHODS = {*apigateway._OPENAPI_HTTP_METHODS, _ANY_METHOD}

        def import_whole(api: str, resource: str, method: str, operation: Json, *more: Any) -> None:
            method = "ANY" if method.lower() == _ANY_METHOD else method
            import_operation(api, resource, method, operation, *more)
            integration = operation["x-amazon-apigateway-integration"]
            if integration["type"] == "mock":
                mock = {
                    **integration,
                    "type": "MOCK",
                    "passthroughBehavior": integration["passthroughBehavior"].upper(),
                }
                apigateway._put_integration(api, resource, method, mock)
                response = integration["responses"]["default"]
                apigateway._put_integration_response(api, resource, method, response["statusCode"], response)

        apigateway._import_operation = import_whole

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        """Serve a request or a socket."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, _with_status(send))
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        signed = _SIGNED_BY.search(_header(scope, b"authorization"))
        is_recorded = signed is not None and signed[1] == self._recorded_key
        is_template = scope["method"] == "PUT" and _TEMPLATE.fullmatch(scope["path"])
        if is_recorded or is_template:
            body = await _read_body(receive)
            if signed is not None and is_recorded:
                self._record(scope, signed[2], signed[3], body)
            if is_template:
                body = self._adapted(body)
                kept = [header for header in scope["headers"] if not _BODY_HEADERS.fullmatch(header[0])]
                scope = {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
            receive = _replaying(body, receive)
        await self._app(scope, receive, send)

    def _record(self, scope: Json, region: str, service: str, body: bytes) -> None:
        entry = {
            "region": region,
            "service": service,
            "method": scope["method"],
            "path": scope["path"],
            "query": dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            "target": _header(scope, b"x-amz-target"),
            "fields": {} if service == "s3" else _fields(body),
        }
        with self._record_path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _adapted(self, body: bytes) -> bytes:
        template = json.loads(body)
        template["Globals"]["Function"]["Environment"]["Variables"] |= self._variables
        _separate_gateway_responses(template["Resources"])
        text = json.dumps(template)
        for scheme, local in (("https", self._url), ("wss", self._url.replace("http", "ws", 1))):
            for api in ("RestAPI", "WebsocketAPI"):
                public = f"{scheme}://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
                text = text.replace(public, f"{local}/_aws/execute-api/${{{api}}}")
        return text.encode()


def _separate_gateway_responses(resources: Json) -> None:
    # A restore submits the deployed template again, which is adapted already.
    responses: Mapping[str, Json] = resources["RestAPI"]["Properties"].pop("GatewayResponses", {})
    for kind, response in responses.items():
        headers = response["ResponseParameters"]["Headers"]
        properties = {
            "RestApiId": {"Ref": "RestAPI"},
            "ResponseType": kind,
            "ResponseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            "ResponseTemplates": response["ResponseTemplates"],
        }
        if "StatusCode" in response:
            properties["StatusCode"] = str(response["StatusCode"])
        name = "GatewayResponse" + kind.title().replace("_", "")
        resources[name] = {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": properties}


def _with_status(send: Send) -> Send:
    accepted = False

    async def sent(message: Json) -> None:
        nonlocal accepted
        accepted = accepted or message["type"] == "websocket.accept"
        status = _connect_status.get(200)
        if message["type"] == "websocket.close" and not accepted and not 200 <= status < 300:
            await send({"type": "websocket.http.response.start", "status": status, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
        else:
            await send(message)

    return sent


def _header(scope: Json, name: bytes) -> str:
    return next((value.decode("latin-1") for header, value in scope["headers"] if header == name), "")


def _fields(body: bytes) -> Json:
    """Return the parameters of a request, which are JSON or a form, without secrets."""
    try:
        found = json.loads(body)
    except ValueError:
        found = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    return {name: value for name, value in found.items() if name != _SECRET} if isinstance(found, dict) else {}


async def _read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _replaying(body: bytes, receive: Receive) -> Receive:
    is_replayed = False

    async def received() -> Json:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received
