"""The AsyncAPI 3 document of the WebSocket, and its frames as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.protocol.parsing import COMMANDS
from specs import definitions
from specs.schemas import Json
from specs.wire.pushes import PUSHES
from specs.wire.replies import Error

MESSAGES = "#/channels/socket/messages/"
SCHEMAS = "#/components/schemas/"
DESCRIPTION = """\
Clients send commands as text frames of JSON, one command per frame, in any order; `hello` is optional. Pushes
reach a connection once its first frame has been handled. Replies repeat the `id` of the command. New types of
frames and events, and new fields, may be added: ignore unknown ones. Commands with unknown fields are rejected.
docs/protocol.md is the guide."""


def document(version: str) -> Json:
    """Return the document for this version of the product. Raises SpecsError."""
    names = [frame.__name__ for frame in (*COMMANDS.values(), *definitions.server_frames())]
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
                "description": "One connection serves all conversations. It is closed after two hours.",
                "variables": {
                    "host": {"description": "The host of the WebSocket API, an output of the deployment."},
                    "stage": {"description": "The stage.", "default": "api"},
                },
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _security()],
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
                                    "description": "`chat.v1, bearer.<JWT>`; the server selects `chat.v1`.",
                                },
                            },
                        },
                    }
                },
            }
        },
        "operations": {**dict(_commands(COMMANDS)), **dict(_pushes(PUSHES))},
        "components": {
            "messages": {name: _message(name) for name in names},
            "schemas": definitions.moved(definitions.needed(names), SCHEMAS),
            "securitySchemes": _security(),
        },
    }


def frames() -> Json:
    """Return the JSON Schema of every frame, with `ClientFrame` and `ServerFrame` for all. Raises SpecsError."""
    commands = [command.__name__ for command in COMMANDS.values()]
    server_frames = [frame.__name__ for frame in definitions.server_frames()]
    roots: dict[str, Json] = {
        "ClientFrame": {"description": "Any frame from a client.", "oneOf": _references(commands)},
        "ServerFrame": {
            "description": "Any frame from the server. New types may be added: ignore unknown ones.",
            "anyOf": _references(server_frames),
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:serverless-chat:frames:1",
        "title": "Serverless chat: frames of the socket",
        "description": "Use `#/$defs/ClientFrame`, `#/$defs/ServerFrame`, or the name of one frame.",
        "$defs": {**roots, **definitions.needed([*commands, *server_frames])},
    }


def _references(names: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


def _commands(commands: Mapping[str, Any]) -> Iterable[tuple[str, Json]]:
    for command, model in commands.items():
        replies = [reply.__name__ for reply in (*definitions.replies()[command], Error)]
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
        "examples": [{"payload": example} for example in schema["examples"]],
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
            "description": "From `POST /tickets`. Valid once, for 30 seconds.",
        },
    }
