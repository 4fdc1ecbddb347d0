"""The chat as one participant: a connection that is kept, rooms, and the list of conversations."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx
from websockets.asyncio.client import connect

from .api import Api, Token, path
from .calls import CLOSED
from .changes import Changes, Handlers, log
from .conversations import ConversationList
from .core.options import MAX_CATCH_UP
from .core.outputs import HeadsReceived, JsonObject, Output, Pushed, Refused, StatusChanged
from .errors import ChatClosedError, RefusedError
from .history import HistoryPage
from .link import Clock, Connect, Link
from .room import Room
from .storage import MemoryStorage, Storage
from .waiting import refusal

WINDOW = 5_000
"""How many events a view keeps, besides those that `older` fetched."""


class Chat:
    """`async with Chat(http_url, ws_url, token) as chat:` connects, and stays connected until the block ends.

    Args:
        http_url: The base URL of the HTTP API.
        ws_url: The URL of the WebSocket API.
        token: A function that returns a valid token, or an awaitable of one. Of a product without an identity
            provider, it returns a `Ticket` of `Acting.ticket`; requests then need a `transport` that adds a token.
        storage: Where the outbox is kept; by default in memory, so that it ends with the process.
        window: How many events each view keeps; None keeps all.
        clock: Returns the wall-clock time in seconds.
        transport: The transport of HTTP requests, for tests and proxies.
        open_socket: Opens a WebSocket, as `websockets.connect` does, for tests and proxies.
    """

    def __init__(
        self,
        http_url: str,
        ws_url: str,
        token: Token,
        *,
        storage: Storage | None = None,
        window: int | None = WINDOW,
        clock: Clock = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
        open_socket: Connect = connect,
    ) -> None:
        self.api = Api(http_url, token, transport)
        self.changes: Changes[str] = Changes(lambda: self.status)
        """The status and its changes."""
        self.link = Link(ws_url, self.api, token, storage or MemoryStorage(), self._notify, clock, open_socket)
        self.conversations = ConversationList(self)
        self._errors: Handlers[RefusedError] = Handlers()
        self._status = "stopped"
        self._window, self._is_closed = window, False
        self._rooms: dict[str, Room] = {}

    async def __aenter__(self) -> Chat:
        """Begin to connect; nothing waits for the connection. Raises ChatClosedError if it was closed."""
        if self._is_closed:
            raise ChatClosedError(CLOSED)
        self.link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection. Unsent messages stay in the storage."""
        await self.close()

    async def close(self) -> None:
        """Close the connection. Calls that wait or follow raise ChatClosedError, and iterations end."""
        self._is_closed = True
        try:
            await asyncio.gather(*self.conversations.close(), *self.link.stop(), return_exceptions=True)
        finally:  # also if the caller gives up
            for room in self._rooms.values():
                room.end()
            self.changes.close()
            await self.api.close()

    @property
    def status(self) -> str:
        """`stopped`, `waiting`, `authenticating`, `connecting`, `greeting` or `open`."""
        return self._status

    @property
    def error(self) -> str | None:
        """Why there is no connection, such as a code of the protocol, or why the storage fails."""
        if self.link.storage_error is not None:
            return f"the storage failed: {type(self.link.storage_error).__name__}"
        return None if self._status == "open" else self.link.error

    @property
    def participant(self) -> JsonObject | None:
        """The user, once the server has answered, or from the storage."""
        return self.link.core.participant

    def on_error(self, handler: Callable[[RefusedError], object]) -> Callable[[], None]:
        """Call a function with each refusal that no call raises; return a function that ends this.

        These are the refusals of edits, deletions and reactions, and of messages that no `send` waits for.
        Without a function, their codes are logged.
        """
        return self._errors.on(handler)

    async def connected(self) -> None:
        """Return when the connection is open."""
        await self.changes.until(lambda status: status == "open")

    def online(self) -> None:
        """Connect and repeat unanswered commands now: call it when the network is back, or the device woke up."""
        self.link.online()
        self.conversations.online()

    async def open(self, conversation_id: str) -> Room:
        """Return a conversation when its newest messages are there.

        Raises:
            RefusedError: It does not exist, or the user is not a participant (code `NOT_FOUND`).
        """
        room = self.room(conversation_id)
        await room.changes.until(lambda _: room.is_loaded or room.ended is not None)
        if room.ended is not None:
            room.close()
            raise RefusedError(room.ended, "The conversation cannot be opened.")
        return room

    def room(
        self,
        conversation_id: str,
        *,
        resume: bool = False,
        saves_position: bool | None = None,
        max_catch_up: int | None = MAX_CATCH_UP,
    ) -> Room:
        """Return a conversation at once; its messages come when there is a connection.

        Args:
            conversation_id: Its id.
            resume: Whether to begin after the stored position instead of at the newest messages.
            saves_position: Whether the position is stored when its events were notified; by default if `resume`.
            max_catch_up: After more missed events the view begins anew at the newest ones; None fetches all.
        """
        known = self._rooms.get(conversation_id)
        self.link.core.open(
            conversation_id,
            self.link.now,
            resume=resume,
            saves_position=saves_position,
            max_catch_up=max_catch_up,
            window=self._window,
        )
        if known is None or known.ended is not None:
            waiting = None if known is None else known.waiting
            if known is not None:
                known.changes.close()
            self._rooms[conversation_id] = Room(self, conversation_id, waiting)
            if self._is_closed:
                self._rooms[conversation_id].end()
        self.link.pump()
        return self._rooms[conversation_id]

    def opened(self, conversation_id: str) -> Room | None:
        """Return a conversation if it is open."""
        return self._rooms.get(conversation_id)

    def close_room(self, conversation_id: str) -> None:
        """Stop following a conversation."""
        if (room := self._rooms.pop(conversation_id, None)) is not None:
            room.end()
            self.link.core.close(conversation_id)
            self.link.pump()

    async def create(self, title: str, participants: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Room:
        """Create a conversation and open it. `participants` are `{"participant_id": …, "name": …}`."""
        body = {"title": title, "participants": [dict(entry) for entry in participants], **fields}
        created = await self.api.create_once("/conversations", body)
        return await self.open(created["conversation_id"])

    async def direct(self, participant_id: str, name: str | None = None) -> Room:
        """Open the direct conversation with another participant, which begins if there is none yet.

        Args:
            participant_id: The other participant.
            name: How to show the participant until they have accepted; by default by their id.

        Raises:
            RefusedError: For instance because the user blocks the participant (code `BLOCKED`).
            UnavailableError: There was no answer, or only transient errors.
        """
        body = {} if name is None else {"name": name}
        opened = await self.api.repeat("PUT", "/direct", body, {"participant_id": participant_id})
        return await self.open(opened["conversation_id"])

    async def join(self, conversation_id: str, invite: str | None = None) -> Room:
        """Join a conversation and open it."""
        try:
            await self.api.request("POST", path(conversation_id, "join"), {"invite": invite} if invite else {})
        except RefusedError as error:
            if error.code != "ALREADY_PARTICIPANT":
                raise
        return await self.open(conversation_id)

    async def leave(self, conversation_id: str) -> None:
        """Leave a conversation."""
        await self.api.request("POST", path(conversation_id, "leave"), {})
        self.close_room(conversation_id)

    async def history(
        self, conversation_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> HistoryPage:
        """Return a page of messages in their current state; without `before` and `after` the newest ones."""
        query = {"before": before, "after": after, "limit": limit}
        page = await self.api.get(path(conversation_id, "messages"), query)
        return HistoryPage(page["messages"], page["has_more"], page.get("next_before"), page.get("next_after"))

    def _notify(self, output: Output) -> None:
        if isinstance(output, StatusChanged):
            self._status = output.status
            self.changes.emit()
        elif isinstance(output, Pushed):
            self.conversations.pushed(output.frame)
        elif isinstance(output, HeadsReceived):
            self.conversations.compare(output.heads, output.missing)
        else:
            conversation_id = getattr(output, "conversation_id", "")
            room = self._rooms.get(conversation_id)
            if isinstance(output, Refused):
                self._refused(output, room)
            if room is not None:
                room.notify(output)
                self.conversations.room_changed(room)

    def _refused(self, refused: Refused, room: Room | None) -> None:
        if room is not None and room.waiting.is_sending(refused.client_message_id):
            return
        error = refusal(refused)
        if not self._errors.call(lambda: error):
            log.warning("the server refused a command (%s): %s", refused.kind, error.code)
