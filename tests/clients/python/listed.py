"""Entries and pushes of the list of conversations, and a chat that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from serverless_chat import ConversationList
from serverless_chat.core.outputs import JsonObject
from serverless_chat.core.row import Row
from serverless_chat.core.rows import Rows

from tests.clients.python.drive import HISTORY
from tests.clients.python.fake_server import Server, until


def last(sequence_id: int, content: str | None = None) -> JsonObject:
    return {
        "sequence_id": sequence_id,
        "content": content or f"text {sequence_id}",
        "created_at": f"2027-01-15T08:00:{sequence_id:02d}.000Z",
        "sender": {"participant_id": "bob", "name": "Bob"},
    }


def entry(head: int, conversation_id: str = "conv_a", **fields: Any) -> JsonObject:
    """Return a conversation whose events are all unread messages of others."""
    return {
        "conversation_id": conversation_id,
        "title": "Trip",
        "created_at": "2027-01-15T07:00:00.000Z",
        "head": head,
        "message_count": head,
        "read_up_to": 0,
        "unread_count": head,
        "last_message": last(head),
        "me": {"archived": False, "pinned": False, "notifications_muted": False},
        **fields,
    }


def activity(head: int, conversation_id: str = "conv_a", **fields: Any) -> JsonObject:
    about = {"conversation_id": conversation_id, "history_id": HISTORY, "head": head, "message_count": head}
    return {"type": "activity", **about, "last_message": last(head), **fields}


def read(head: int, read_up_to: int, unread: int, conversation_id: str = "conv_a") -> JsonObject:
    counts = {"head": head, "read_up_to": read_up_to, "message_count": head, "unread_count": unread}
    about = {"conversation_id": conversation_id, "history_id": HISTORY, "participant_id": "alice"}
    return {"type": "read", **about, "sequence_id": read_up_to, **counts}


def pushed(*events: JsonObject) -> JsonObject:
    return {"type": "events", "conversation_id": "conv_a", "history_id": HISTORY, "events": list(events)}


def loaded(*entries: JsonObject, **page: Any) -> Rows:
    rows = Rows()
    rows.load({"conversations": list(entries), **page}, HISTORY)
    return rows


def state(row: Row) -> tuple[object, ...]:
    return row.title, row.unread_count, row.read_up_to, row.head, (row.last_message or {}).get("content")


def talk(steps: Callable[[Server, ConversationList], Coroutine[Any, Any, None]]) -> None:
    """Run steps with a list that is loaded, and whose feed has begun."""

    async def run() -> None:
        server = Server()
        server.page = {"conversations": [entry(2)]}
        async with server.chat() as chat:
            await chat.connected()
            rows = aiter(chat.conversations)
            await anext(rows)
            await until(lambda: server.requests == 2)  # again once the feed has begun
            await until(lambda: chat.conversations.is_fresh)
            await steps(server, chat.conversations)

    asyncio.run(asyncio.wait_for(run(), 20))
