"""The response to a batch by HTTP: the frames of the WebSocket, each with a status."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from specs.wire.replies import Error, MessageAck, ReadAck, UpdateAck


class MessageResult(MessageAck):
    """The result of a `message`."""

    status: Annotated[Literal[200, 201], Field(examples=[201])]
    """201, or 200 for a repeat."""


class UpdateResult(UpdateAck):
    """The result of an `edit`, `delete`, `react` or `unreact`."""

    status: Annotated[Literal[200, 204], Field(examples=[200])]
    """200 for an edit, otherwise 204."""


class ReadResult(ReadAck):
    """The result of a `read`."""

    status: Literal[200]


class ErrorResult(Error):
    """The result of a command that failed."""

    status: Annotated[int, Field(ge=400, le=599, examples=[400])]
    """The status that the request would have alone."""


class BatchResults(TypedDict):
    """The results of a batch."""

    results: Annotated[
        list[MessageResult | UpdateResult | ReadResult | ErrorResult], Field(min_length=1, max_length=24)
    ]
    """For each command, in their order: the frame that answers it on the WebSocket, with a status."""
