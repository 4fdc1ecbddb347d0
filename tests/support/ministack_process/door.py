"""What stands between MiniStack and everybody else: what has to be different there, and notes of what is asked.

What is deployed, and the code and the command that deploy it, are those that go to AWS. What differs is this:

1. Addresses. API ids are reached at `http://127.0.0.1:PORT/_aws/execute-api/ID`, not at
   `https://ID.execute-api.REGION.amazonaws.com`, in the outputs and in the functions' management endpoint.
2. Gateway responses. MiniStack's import of an API ignores `x-amazon-apigateway-gateway-responses`, to which SAM
   writes them, but keeps resources of their own type; so each becomes one. Their names sort before the
   deployment's: in that order MiniStack makes what does not depend on each other, and a deployment takes along
   those that are there.
3. Variables of the functions that the tests give: how long things take there.

These three are changed in a template on its way to S3.

4. Handshakes. MiniStack answers one that `$connect` refuses with 403 always; here with the handler's status, as
   API Gateway does.
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
# Of what was there before: the length, and sums over it.
_OF_THE_BODY = re.compile(rb"content-(length|md5)|x-amz-(sdk-)?checksum-.*")
_SIGNED_BY = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_SECRET = "Value"
_refused_with: contextvars.ContextVar[int] = contextvars.ContextVar("_refused_with")


class Door:
    """An ASGI application before MiniStack's."""

    def __init__(self, app: App, url: str, variables: Mapping[str, str], noting: str, noted: str) -> None:
        """`noted` is a file: a line of JSON for each request that is signed with the key id `noting`."""
        self._app = app
        self._url = url
        self._variables = variables
        self._noting = noting
        self._noted = Path(noted)

    def hear(self, apigateway: Any) -> None:
        """Learn what the `$connect` handlers answer from MiniStack's module that asks them."""
        ask = apigateway._invoke_ws_lambda

        async def asked(*arguments: Any, **more: Any) -> Json | None:
            answer: Json | None = await ask(*arguments, **more)
            _refused_with.set(int((answer or {}).get("statusCode", 200)))
            return answer

        apigateway._invoke_ws_lambda = asked

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        """Serve a request or a socket."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, _with_status(send))
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        signed = _SIGNED_BY.search(_header(scope, b"authorization"))
        noted = signed is not None and signed[1] == self._noting
        is_template = scope["method"] == "PUT" and _TEMPLATE.fullmatch(scope["path"])
        if noted or is_template:
            body = await _whole(receive)
            if signed is not None and noted:
                self._note(scope, signed[2], signed[3], body)
            if is_template:
                body = self._adapted(body)
                kept = [each for each in scope["headers"] if not _OF_THE_BODY.fullmatch(each[0])]
                scope = {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
            receive = _giving(body, receive)
        await self._app(scope, receive, send)

    def _note(self, scope: Json, region: str, service: str, body: bytes) -> None:
        asked = {
            "region": region,
            "service": service,
            "method": scope["method"],
            "path": scope["path"],
            "query": dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            "target": _header(scope, b"x-amz-target"),
            "fields": {} if service == "s3" else _fields(body),
        }
        with self._noted.open("a") as file:
            file.write(json.dumps(asked) + "\n")

    def _adapted(self, body: bytes) -> bytes:
        template = json.loads(body)
        template["Globals"]["Function"]["Environment"]["Variables"] |= self._variables
        _own_gateway_responses(template["Resources"])
        text = json.dumps(template)
        for scheme, ours in (("https", self._url), ("wss", self._url.replace("http", "ws", 1))):
            for api in ("RestAPI", "WebsocketAPI"):
                theirs = f"{scheme}://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
                text = text.replace(theirs, f"{ours}/_aws/execute-api/${{{api}}}")
        return text.encode()


def _own_gateway_responses(resources: Json) -> None:
    responses: Mapping[str, Json] = resources["RestAPI"]["Properties"].pop("GatewayResponses")
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
        status = _refused_with.get(200)
        if message["type"] == "websocket.close" and not accepted and not 200 <= status < 300:
            await send({"type": "websocket.http.response.start", "status": status, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
        else:
            await send(message)

    return sent


def _header(scope: Json, name: bytes) -> str:
    return next((value.decode("latin-1") for each, value in scope["headers"] if each == name), "")


def _fields(body: bytes) -> Json:
    """What a service is given, as JSON or as a form. Never a secret."""
    try:
        found = json.loads(body)
    except ValueError:
        found = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    return {name: value for name, value in found.items() if name != _SECRET} if isinstance(found, dict) else {}


async def _whole(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _giving(body: bytes, receive: Receive) -> Receive:
    given = False

    async def received() -> Json:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received
