"""The bodies of HTTP responses to services."""

from __future__ import annotations

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from chalicelib.core.protocol.fields import example
from chalicelib.core.protocol.object_fields import Text, Timestamp
from chalicelib.core.protocol.objects import Conversation
from specs.wire.consent import Page


class ServiceConversations(Page):
    """A page of conversations in the order of their creation. It can have fewer than asked for."""

    conversations: list[Conversation]
    """The conversations that have not ended."""


class ParticipantState(TypedDict):
    """The decisions of services about a participant."""

    participant_id: Annotated[Text, example("bob")]
    """The participant's id."""
    suspended: Annotated[bool, example(False)]
    """Whether the participant is suspended."""
    suspended_at: NotRequired[Timestamp]
    """Since when."""
    agent: Annotated[bool, example(False)]
    """Whether the participant is an agent, whatever their tokens claim."""
