"""The chat as one participant, for callers without asyncio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from .. import chat as asynchronous
from .. import room as asynchronous_room
from ..api import Token
from ..core.options import MAX_CATCH_UP
from ..core.outputs import JsonObject
from ..errors import RefusedError
from ..history import HistoryPage
from .api import Api
from .changes import Changes
from .conversations import ConversationList
from .loop_thread import LoopThread
from .room import Room


class Chat:
    """The chat as one participant; takes the arguments of `serverless_chat.Chat`."""

    def __init__(self, http_url: str, ws_url: str, token: Token, **options: Any) -> None:
        self._loop = LoopThread()
        self._chat = self._loop.begin(lambda: asynchronous.Chat(http_url, ws_url, token, **options))
        self.api = Api(self._loop, self._chat.api)
        """Any other route of the protocol."""
        self.changes: Changes[str] = Changes(self._loop, self._chat.changes)
        """The status and its changes."""
        self.conversations = ConversationList(self._loop, self._chat.conversations)

    def __enter__(self) -> Chat:
        """Begin to connect; nothing waits for the connection."""
        self._loop.run(self._chat.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection. Unsent messages stay in the storage."""
        self.close()

    def close(self) -> None:
        """Close the connection, and end the threads.

        Calls that wait, and those that follow, raise ChatClosedError; no handler is called any more.
        """
        self._loop.stop(self._chat.close)

    @property
    def status(self) -> str:
        """`stopped`, `waiting`, `authenticating`, `connecting`, `greeting` or `open`."""
        return self._chat.status

    @property
    def error(self) -> str | None:
        """Why there is no connection, such as a code of the protocol, or why the storage fails."""
        return self._chat.error

    @property
    def participant(self) -> JsonObject | None:
        """The user, once the server has answered, or from the storage."""
        return self._chat.participant

    def on_error(self, handler: Callable[[RefusedError], object]) -> Callable[[], None]:
        """Call a function with each refusal that no call raises; return a function that ends this."""
        return self._loop.observe(self._chat.on_error, handler)

    def connected(self, timeout: float | None = None) -> None:
        """Return when the connection is open. Raises TimeoutError."""
        self._loop.run(self._chat.connected(), timeout)

    def online(self) -> None:
        """Connect and repeat unanswered commands now: call it when the network is back, or the device woke up."""
        self._loop.call(self._chat.online)

    def open(self, conversation_id: str, timeout: float | None = None) -> Room:
        """Return a conversation when its newest messages are there. Raises RefusedError, TimeoutError."""
        return self._room(self._loop.run(self._chat.open(conversation_id), timeout))

    def room(
        self,
        conversation_id: str,
        *,
        resume: bool = False,
        saves_position: bool | None = None,
        max_catch_up: int | None = MAX_CATCH_UP,
    ) -> Room:
        """Return a conversation at once; see `serverless_chat.Chat` for the options."""
        options = {"resume": resume, "saves_position": saves_position, "max_catch_up": max_catch_up}
        return self._room(self._loop.call(self._chat.room, conversation_id, **options))

    def opened(self, conversation_id: str) -> Room | None:
        """Return a conversation if it is open."""
        room = self._loop.call(self._chat.opened, conversation_id)
        return None if room is None else self._room(room)

    def close_room(self, conversation_id: str) -> None:
        """Stop following a conversation."""
        self._loop.call(self._chat.close_room, conversation_id)

    def create(
        self,
        title: str,
        participants: Sequence[Mapping[str, Any]] = (),
        *,
        timeout: float | None = None,
        **fields: Any,
    ) -> Room:
        """Create a conversation and open it. `participants` are `{"participant_id": …, "name": …}`."""
        return self._room(self._loop.run(self._chat.create(title, participants, **fields), timeout))

    def direct(self, participant_id: str, name: str | None = None, *, timeout: float | None = None) -> Room:
        """Open the direct conversation with another participant, which begins if there is none yet."""
        return self._room(self._loop.run(self._chat.direct(participant_id, name), timeout))

    def join(self, conversation_id: str, invite: str | None = None, *, timeout: float | None = None) -> Room:
        """Join a conversation and open it."""
        return self._room(self._loop.run(self._chat.join(conversation_id, invite), timeout))

    def leave(self, conversation_id: str) -> None:
        """Leave a conversation."""
        self._loop.run(self._chat.leave(conversation_id))

    def history(
        self, conversation_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> HistoryPage:
        """Return a page of messages in their current state; without `before` and `after` the newest ones."""
        return self._loop.run(self._chat.history(conversation_id, before=before, after=after, limit=limit))

    def _room(self, room: asynchronous_room.Room) -> Room:
        return Room(self._loop, room)
