"""A bot: answers the messages that mention it, in every conversation that it is in."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone

from .changes import log
from .chat import Chat
from .core.outputs import JsonObject
from .errors import RefusedError
from .everywhere import Everywhere
from .room import Room

ANSWER = "answer-"
"""How the client_message_ids of answers begin."""
Answer = Callable[[JsonObject, Room], Awaitable["str | None"]]
"""Gets the event of a message and its room; returns the text of the answer, or None."""


class Bot:
    """Runs `answer` once for each message that mentions the participant of a chat.

    The answer's client_message_id is derived from the mention, so two instances, or a restart, add it to the
    log once. Positions are stored in the chat's storage after the answer is in its outbox: with a file as storage,
    mentions that come while no instance runs are answered later. Those from before the first start are not, and
    neither are those before the newest page of a conversation in which no position is stored yet.

    Args:
        chat: The chat; the bot connects and closes it.
        answer: An async function of a message and its room. If it raises, or if the server refuses its answer, a
            line is logged instead.
    """

    def __init__(self, chat: Chat, answer: Answer) -> None:
        self._chat, self._answer = chat, answer
        self._since = ""
        chat.on_error(self._refused)

    async def run(self) -> None:
        """Answer until the task is cancelled."""
        async with self._chat as chat:
            self._since = chat.link.first_start(datetime.now(timezone.utc).isoformat())
            await Everywhere(chat, self._serve).run()

    async def _serve(self, conversation_id: str) -> None:
        room = self._chat.room(conversation_id, resume=True, saves_position=False, max_catch_up=None)
        for message in room.messages:  # of a former run
            if message.status == "failed":
                self._discard(room, message.client_message_id)
        async for event in room.events():
            if self._is_mention(event):
                await self._reply(event, room)
            room.save_position(event["sequence_id"])

    def _is_mention(self, event: JsonObject) -> bool:
        me = (self._chat.participant or {}).get("participant_id")
        is_message = event["type"] == "message" and event.get("content") is not None
        is_message = is_message and event["sender"]["participant_id"] != me
        return is_message and me in (event.get("mentions") or ()) and event["created_at"] >= self._since[:23]

    async def _reply(self, event: JsonObject, room: Room) -> None:
        try:
            text = await self._answer(event, room)
            if text is not None:
                room.queue(text, reply_to=event["sequence_id"], client_message_id=answer_id(event))
        except Exception:  # noqa: BLE001 -- the function may raise whatever it likes, or return what no frame can carry
            log.exception("the bot has no answer")

    def _refused(self, error: RefusedError) -> None:
        log.warning("the server refused an answer of the bot: %s", error.code)
        if (room := self._chat.opened(error.conversation_id or "")) is not None:
            self._discard(room, error.client_message_id)

    def _discard(self, room: Room, client_message_id: str | None) -> None:
        """Give up a refused answer: it would hold the later ones."""
        if client_message_id is not None and client_message_id.startswith(ANSWER):
            room.discard(client_message_id)


def answer_id(event: JsonObject) -> str:
    """Return the client_message_id of the answer to a message: the same in every instance and after a restart."""
    identity = f"{event['conversation_id']}/{event['message_id']}"
    return ANSWER + hashlib.sha256(identity.encode()).hexdigest()[:40]
