"""The command `tail`: the newest messages, and each event as it comes, of one conversation or of all."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from ..chat import Chat
from ..core.message import Message
from ..core.outputs import JsonObject
from ..errors import RefusedError
from ..everywhere import Everywhere
from ..room import Room
from .errors import NOT_FOUND, CommandError
from .printing import Printer
from .session import connected, limited, load_all, open_room

Entry = Message | JsonObject
Entries = asyncio.Queue["tuple[str, Entry] | None"]


async def tail(options: argparse.Namespace, printer: Printer) -> None:
    """Print the newest messages, and follow."""
    async with connected(options) as chat:
        if options.conversation is None:
            await (_follow_all if options.follow else _print_all)(chat, options, printer)
            return
        room = await open_room(chat, options)
        await _load(room, options)
        shown = print_messages(room, printer, options.count)
        if options.follow:
            await print_until_the_end(room, printer, shown)


def newest(room: Room, count: int | None) -> list[Message]:
    """Return the last messages of the view that are in the log."""
    messages = [message for message in room.messages if message.status == "sent"]
    return messages if count is None else messages[max(0, len(messages) - count) :]


def print_messages(room: Room, printer: Printer, count: int | None) -> int:
    """Print the last messages of the view; return its position."""
    position = room.position
    for message in newest(room, count):
        printer.message(room.id, message)
    return position


async def print_until_the_end(room: Room, printer: Printer, after: int) -> None:
    """Print each event of a conversation after one. Raises CommandError when it ends."""
    async for event in _events(room, after):
        printer.event(event)
    raise CommandError(f"The conversation has ended for you ({room.ended}).", NOT_FOUND)


async def _events(room: Room, after: int) -> AsyncIterator[JsonObject]:
    """Yield the events after one; if the view begins anew with earlier ones, all of it: the data were restored."""
    last = 0
    async for event in room.events():
        number = event["sequence_id"]
        if number <= last:
            after = 0
        last = number
        if number > after:
            yield event


async def _load(room: Room, options: argparse.Namespace) -> None:
    """Fetch as many messages as the user wants, if there are."""
    while len(room.messages) < options.count and await limited(room.older(), options):
        pass


async def _print_all(chat: Chat, options: argparse.Namespace, printer: Printer) -> None:
    for row in await load_all(chat, options):
        room = await limited(chat.open(row.conversation_id), options)
        await _load(room, options)
        printer.heading(row.name)
        print_messages(room, printer, options.count)
        room.close()


async def _follow_all(chat: Chat, options: argparse.Namespace, printer: Printer) -> None:
    entries: Entries = asyncio.Queue()

    async def serve(conversation_id: str) -> None:
        with suppress(RefusedError):  # it has ended for the user
            room = await chat.open(conversation_id)
            if conversation_id in known:
                await _load(room, options)
            after = room.position
            for message in newest(room, options.count if conversation_id in known else None):
                entries.put_nowait((conversation_id, message))
            async for event in _events(room, after):
                entries.put_nowait((conversation_id, event))

    known = {row.conversation_id for row in await load_all(chat, options)}
    following = asyncio.ensure_future(Everywhere(chat, serve).run())
    following.add_done_callback(lambda _: entries.put_nowait(None))
    try:
        while (entry := await entries.get()) is not None:
            _print(chat, printer, *entry)
        following.result()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _print(chat: Chat, printer: Printer, conversation_id: str, entry: Entry) -> None:
    rows = (row for row in chat.conversations.rows if row.conversation_id == conversation_id)
    printer.heading(next((row.name for row in rows), "") or conversation_id)
    if isinstance(entry, Message):
        printer.message(conversation_id, entry)
    else:
        printer.event(entry)
