"""Users of a chat by the Python client, for tests of the view of members.

Unlike `client.TestClient`, it hides frames: it repeats lost commands, and fetches and orders events. So it shows
whether a conversation works for its members, not whether each frame is right.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from serverless_chat import Message
from serverless_chat.blocking import Chat, Room

from tests.support.client import HOUR, ChatEndpoint

WAIT = 30.0
"""Seconds for anything to happen on a busy machine."""


class User(Chat):
    """One user, who is connected."""

    def __init__(self, endpoint: ChatEndpoint, participant_id: str, name: str) -> None:
        super().__init__(endpoint.http_url, endpoint.ws_url, lambda: endpoint.token(participant_id, name, HOUR))
        self.id, self.name = participant_id, name

    @property
    def entry(self) -> dict[str, str]:
        """This user as a participant of a new conversation."""
        return {"participant_id": self.id, "name": self.name}

    def events(self, conversation_id: str) -> list[dict[str, Any]]:
        """Return up to 100 events of a log."""
        page = self.api.get(f"/conversations/{conversation_id}/events", {"limit": 100})
        return list(page["events"])


MakeUsers = Callable[..., list[User]]


@contextlib.contextmanager
def user_factory(endpoint: ChatEndpoint) -> Iterator[MakeUsers]:
    """Yield a function that makes connected users with new ids. They leave at the end."""
    with contextlib.ExitStack() as present:

        def make(*names: str) -> list[User]:
            made = [User(endpoint, f"{name}-{uuid.uuid4().hex[:12]}", name.title()) for name in names]
            for user in made:
                present.enter_context(user)
            return made

        yield make


def shown(room: Room, *contents: str) -> list[Message]:
    """Return the messages of a room once they are these, all of them in the log."""
    return room.changes.until(
        lambda messages: (
            [(message.status, message.content) for message in messages]
            == [("sent", content) for content in contents]
        ),
        timeout=WAIT,
    )


def ended(room: Room) -> str:
    """Return why a room ended, once it has."""
    room.changes.until(lambda _: room.ended is not None, timeout=WAIT)
    return str(room.ended)
