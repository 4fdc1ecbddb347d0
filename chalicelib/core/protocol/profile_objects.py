"""The object of a profile in responses. `serializers.py` builds it; the published documents describe it."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.core.protocol.fields import example
from chalicelib.core.protocol.object_fields import Text, Timestamp


class Profile(TypedDict):
    """The caller's profile."""

    name: Annotated[Text, example("Bob")]
    """The display name in all conversations."""
    avatar_url: NotRequired[Annotated[str, example("https://cdn.example.com/bob.png")]]
    """The picture."""
    metadata: Annotated[dict[str, Any], example({"team": "blue"})]
    """Data of the application. Other participants do not see it."""
    updated_at: Timestamp
    """When it was changed."""
