"""The AsyncAPI 3 document of the socket, and its frames as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.protocol.commands import COMMANDS
from specs import definitions, wire
from specs.rules import Json

MESSAGES = "#/channels/socket/messages/"
SCHEMAS = "#/components/schemas/"
DESCRIPTION = """\
Text frames of JSON, one command each; any command at any time (`hello` is a courtesy). A socket becomes reachable
with its first frame. Direct answers repeat the `id` of the command. Frames and events may get new types and new
fields: ignore those you do not know. Commands with unknown fields are refused. docs/protocol.md is the guide."""


def document(version: str) -> Json:
    """The whole document, for this version of the product. Raises SpecsError."""
    ours = definitions.our_frames()
    names = [*(model.__name__ for model in COMMANDS.values()), *(each.__name__ for each in ours)]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Serverless chat: socket", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "stage": {
                "host": "{host}",
                "pathname": "/{stage}",
                "protocol": "wss",
                "protocolVersion": "13",
                "description": "One socket serves all of one's conversations. It ends after two hours.",
                "variables": {
                    "host": {"description": "Of the WebSocket API, as the deployment tells it."},
                    "stage": {"description": "The stage.", "default": "api"},
                },
                "security": [{"$ref": f"#/components/securitySchemes/{each}"} for each in _security()],
            }
        },
        "channels": {
            "socket": {
                "address": "/",
                "title": "The socket",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                "servers": [{"$ref": "#/servers/stage"}],
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "query": {
                            "type": "object",
                            "properties": {"ticket": {"type": "string", "description": "From `POST /tickets`."}},
                        },
                        "headers": {
                            "type": "object",
                            "properties": {
                                "Authorization": {"type": "string", "description": "`Bearer <JWT>`."},
                                "Sec-WebSocket-Protocol": {
                                    "type": "string",
                                    "description": "`chat.v1, bearer.<JWT>`; `chat.v1` is answered.",
                                },
                            },
                        },
                    }
                },
            }
        },
        "operations": {**dict(_commands(COMMANDS)), **dict(_pushes(wire.PUSHES))},
        "components": {
            "messages": {name: _message(name) for name in names},
            "schemas": definitions.moved(definitions.needed(names), SCHEMAS),
            "securitySchemes": _security(),
        },
    }


def frames() -> Json:
    """JSON Schema of every frame, `ClientFrame` from clients and `ServerFrame` from us. Raises SpecsError."""
    theirs = [model.__name__ for model in COMMANDS.values()]
    ours = [each.__name__ for each in definitions.our_frames()]
    roots: dict[str, Json] = {
        "ClientFrame": {"description": "Any frame from a client.", "oneOf": _references(theirs)},
        "ServerFrame": {
            "description": "Any frame from the server. There may be other types later: ignore them.",
            "anyOf": _references(ours),
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:serverless-chat:frames:1",
        "title": "Serverless chat: frames of the socket",
        "description": "Choose `#/$defs/ClientFrame`, `#/$defs/ServerFrame`, or one frame by its name.",
        "$defs": {**roots, **definitions.needed([*theirs, *ours])},
    }


def _references(names: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


def _commands(commands: Mapping[str, Any]) -> Iterable[tuple[str, Json]]:
    for command, model in commands.items():
        replies = [each.__name__ for each in (*definitions.answers()[command], wire.Error)]
        yield (
            command,
            {
                "action": "receive",
                "title": command,
                "summary": _summary(model.__name__),
                "channel": {"$ref": "#/channels/socket"},
                "messages": [{"$ref": MESSAGES + model.__name__}],
                "reply": {
                    "channel": {"$ref": "#/channels/socket"},
                    "messages": [{"$ref": MESSAGES + name} for name in replies],
                },
            },
        )


def _pushes(pushes: Iterable[Any]) -> Iterable[tuple[str, Json]]:
    for push in pushes:
        yield (
            f"push{push.__name__}",
            {
                "action": "send",
                "title": push.__name__,
                "summary": _summary(push.__name__),
                "channel": {"$ref": "#/channels/socket"},
                "messages": [{"$ref": MESSAGES + push.__name__}],
            },
        )


def _message(name: str) -> Json:
    schema = definitions.definitions()[name]
    return {
        "name": name,
        "title": str(schema["properties"].get("type", {}).get("const", name)),
        "summary": _summary(name),
        "contentType": "application/json",
        "payload": {"$ref": SCHEMAS + name},
        "examples": [{"payload": each} for each in schema["examples"]],
    }


def _summary(name: str) -> str:
    return str(definitions.definitions()[name]["description"])


def _security() -> dict[str, Json]:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "For programs. Browsers offer the subprotocols `chat.v1` and `bearer.<JWT>` instead.",
        },
        "ticket": {
            "type": "httpApiKey",
            "name": "ticket",
            "in": "query",
            "description": "From `POST /tickets`: works once, for 30 seconds.",
        },
    }
