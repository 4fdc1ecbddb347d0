"""The bodies and queries of the routes for endpoints, by which services receive events."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.core.model.publishing import EVENT_TYPE, MAX_TYPES, EndpointStart
from chalicelib.core.model.webhook_url import MAX_URL_CHARACTERS
from chalicelib.core.protocol.field_rules import not_null
from chalicelib.core.protocol.validation import Request

MAX_OVERLAP = 7 * 24 * 3600
DEFAULT_OVERLAP = 24 * 3600

EventType = Annotated[str, Field(pattern=EVENT_TYPE, examples=["message"])]
EventTypes = Annotated[list[EventType], Field(max_length=MAX_TYPES)]
Description = Annotated[str, Field(max_length=200, pattern="^[ -~]*$", examples=["Search index"])]


class CreateEndpoint(Request):
    """A new endpoint."""

    url: Annotated[str, Field(max_length=MAX_URL_CHARACTERS, examples=["https://hooks.example.com/chat"])]
    """An `https` URL on port 443 with the name of a public host, without user, password and fragment."""
    types: EventTypes = Field([])
    """The types of events that it receives. Empty: all."""
    thin: bool = False
    """Whether it receives ids and types without contents."""
    notify: bool = False
    """Whether deliveries list the members to notify of a message."""
    start: EndpointStart = "now"
    """`now`: it receives new events. `beginning`: also all earlier ones of all conversations."""
    description: Description = ""
    """A note for operators."""


class UpdateEndpoint(Request):
    """Changes to an endpoint: at least one field. A field that is left out keeps its value."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    types: Annotated[EventTypes | None, BeforeValidator(not_null)] = None
    """The types of events that it receives. Empty: all."""
    thin: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether it receives ids and types without contents."""
    notify: Annotated[bool | None, BeforeValidator(not_null)] = None
    """Whether deliveries list the members to notify of a message."""
    description: Annotated[Description | None, BeforeValidator(not_null)] = None
    """A note for operators."""
    enabled: Annotated[bool | None, BeforeValidator(not_null)] = None
    """False: nothing is sent to it. True: it continues where it stopped."""

    @model_validator(mode="after")
    def _has_a_field(self) -> UpdateEndpoint:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "must have types, thin, notify, description or enabled")
        return self


class RotateSecret(Request):
    """A new secret."""

    overlap: Annotated[int, Field(ge=0, le=MAX_OVERLAP, examples=[DEFAULT_OVERLAP])] = DEFAULT_OVERLAP
    """For how many seconds earlier secrets sign as well. 0: they are invalid at once."""


class ResumeEndpoint(Request):
    """The conversations to resume."""

    conversation_id: Annotated[str, Field(max_length=64, examples=["conv_Zm9vYmFyYmF6cXV4cXV1eA"])] | None = None
    """The only conversation to resume. Null or left out: those that lag behind."""
    after: Annotated[str, Field(max_length=64, examples=["conv_Zm9vYmFyYmF6cXV4cXV1eA"])] | None = None
    """`next_after` of the last answer."""
