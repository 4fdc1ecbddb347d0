"""Parsing the frames of clients: each is one command of `COMMANDS`."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import ChatError, InvalidJson, TooLarge, UnknownCommand, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import commands
from chalicelib.core.protocol.batch import Batch
from chalicelib.core.protocol.validation import validated

COMMANDS: Mapping[str, type[commands.Command]] = {
    "hello": commands.Hello,
    "subscribe": commands.Subscribe,
    "unsubscribe": commands.Unsubscribe,
    "sync": commands.Sync,
    "message": commands.Message,
    "edit": commands.Edit,
    "delete": commands.Delete,
    "react": commands.React,
    "unreact": commands.Unreact,
    "read": commands.Read,
    "typing": commands.Typing,
    "auth": commands.Auth,
    "ping": commands.Ping,
    "batch": Batch,
}
"""The models of the commands by their type."""


def parse_command(frame: str, limits: Limits) -> tuple[commands.Command | ChatError, dict[str, str]]:
    """Return the command in a frame, or the error in it; and the fields that a reply repeats."""
    try:
        if len(frame.encode("utf-8", "surrogatepass")) > limits.frame_bytes:
            raise TooLarge(f"A frame must have at most {limits.frame_bytes} bytes.")
        value = json_codec.parse(frame)
    except (TooLarge, InvalidJson) as error:
        return error, {}
    if not isinstance(value, dict):
        return ValidationFailed.at("", "must be an object"), {}
    repeated = commands.correlation_fields(value)
    command_type = value.get("type")
    if not isinstance(command_type, str):
        return ValidationFailed.at("type", "must be the name of a command"), repeated
    model = COMMANDS.get(command_type)
    if model is None:
        return UnknownCommand(f"Unknown command. The commands are {', '.join(COMMANDS)}."), repeated
    try:
        return validated(model, value, limits), repeated
    except ValidationFailed as error:
        return error, repeated
