"""The command `batch`: commands of one or several conversations in one frame or request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, cast

from pydantic import Field, ValidationInfo, WrapValidator
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel.errors import ChatError, ValidationFailed
from chalicelib.core.kernel.limits import MAX_BATCH_COMMANDS, Limits
from chalicelib.core.protocol.commands import (
    Command,
    Delete,
    Edit,
    Message,
    React,
    Read,
    Unreact,
    correlation_fields,
)
from chalicelib.core.protocol.validation import Request, validated


class BatchEntry(NamedTuple):
    """One entry of a batch."""

    command: BatchCommand | ChatError
    """The command, or its error: an entry with invalid fields fails alone."""
    conversation_id: str | None
    """None if the entry names none."""
    correlation: dict[str, str]
    """The fields that its result repeats."""
    sent: Any = None
    """The command as the client sent it, if the hook changed it."""


BatchCommand: TypeAlias = Message | Edit | Delete | React | Unreact | Read

BATCH_COMMANDS: Mapping[str, type[BatchCommand]] = {
    "message": Message,
    "edit": Edit,
    "delete": Delete,
    "react": React,
    "unreact": Unreact,
    "read": Read,
}
"""The commands that a batch can have."""


def _batch_entry(value: Any, _: Any, info: ValidationInfo) -> BatchEntry:
    """Return an entry. An entry that is not a command of a batch makes the whole batch invalid."""
    command_type = value.get("type") if isinstance(value, dict) else None
    model = BATCH_COMMANDS.get(command_type) if isinstance(command_type, str) else None
    if model is None:
        rule = f"must be a command of the type {', '.join(BATCH_COMMANDS)}"
        raise PydanticCustomError("command", "{rule}", {"rule": rule})
    command: BatchCommand | ValidationFailed
    try:
        command = validated(model, value, info.context or Limits())
    except ValidationFailed as error:
        command = error
    correlation = correlation_fields(value)
    conversation_id = value.get("conversation_id")
    return BatchEntry(command, conversation_id if isinstance(conversation_id, str) else None, correlation)


class BatchFields(Request):
    """Commands for one or several conversations. Those of one conversation are executed in their order."""

    commands: Annotated[
        list[Annotated[BatchCommand, WrapValidator(_batch_entry)]],
        Field(min_length=1, max_length=MAX_BATCH_COMMANDS),
    ]
    """The commands, executed in their order within each conversation."""

    @property
    def entries(self) -> Sequence[BatchEntry]:
        """The validated commands."""
        return cast("Sequence[BatchEntry]", self.commands)


class Batch(Command, BatchFields):
    """Client → server: execute several commands in their order."""

    type: Literal["batch"]
