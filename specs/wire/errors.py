"""The bodies of errors, over HTTP and in frames."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.protocol.fields import HistoryIdText, example
from chalicelib.core.protocol.object_fields import Count, Text
from specs.error_codes import codes

ErrorCode = Annotated[str, Field(json_schema_extra={"enum": list(codes())}), example("VALIDATION_FAILED")]


RetryAfter = Annotated[float, Field(ge=0, examples=[1])]


class Problem(TypedDict):
    """One thing that is wrong with a request."""

    path: Annotated[str, example("content")]
    """The field: names and indexes joined by dots. Empty for the whole request."""
    problem: Annotated[Text, example("must contain a visible character")]
    """The problem of the field."""


class ErrorBody(TypedDict):
    """An error."""

    code: ErrorCode
    """The error, for programs."""
    message: Annotated[Text, example("The request has invalid fields.")]
    """The error, for people."""
    details: NotRequired[list[Problem]]
    """The problems of individual fields, at most 20."""
    retry_after: NotRequired[RetryAfter]
    """After how many seconds to retry."""
    history_id: NotRequired[HistoryIdText]
    """Of `POSITION_UNKNOWN`: the present history."""
    head: NotRequired[Count]
    """Of `POSITION_UNKNOWN`, for a request that reads: the `sequence_id` of the newest event."""


class ErrorResponse(TypedDict):
    """The body of every response with a status of 400 or above."""

    error: ErrorBody
    """The error."""
    request_id: Annotated[str, example("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")]
    """The id of the request, for questions to the operator."""
