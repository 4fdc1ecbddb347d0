"""The commands, each a coroutine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import logging
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..chat import Chat, path
from ..core.message import Message
from ..core.outputs import JsonObject
from ..core.rows import Row
from ..room import Room
from . import profiles
from .errors import NOT_FOUND, UNAVAILABLE, USAGE, CommandError
from .pieces import pieces
from .printing import Printer
from .reading import lines

T = TypeVar("T")
EXPORT_PAGE = 100


@contextlib.asynccontextmanager
async def connected(options: argparse.Namespace) -> AsyncIterator[Chat]:
    """Yield the chat of the profile."""
    profile = profiles.load(options.config, options.profile)
    async with Chat(profile.http_url, profile.ws_url, profile.fetch_token) as chat:
        yield chat


async def limited(work: Awaitable[T], options: argparse.Namespace) -> T:
    """Wait for an answer of the server as long as the user wants. Raises TimeoutError."""
    return await asyncio.wait_for(work, options.timeout)


async def login(options: argparse.Namespace, printer: Printer) -> None:
    """Store a profile, after the server has accepted its token."""
    token = None
    if not options.token_command:
        token = (getpass.getpass("Token: ") if sys.stdin.isatty() else await anext(lines(), "")).strip()
        if not token:
            raise CommandError("There is no token on standard input.", USAGE)
    profile = profiles.Profile(options.http_url, options.ws_url, token, options.token_command)
    async with Chat(profile.http_url, profile.ws_url, profile.fetch_token) as chat:
        await limited(chat.api.get("/conversations", {"limit": 1}), options)
        await _connected_within(chat, options)
    profiles.save(options.config, options.profile, profile)
    printer.text(f"Stored as profile {options.profile!r} in {options.config}.")


async def _connected_within(chat: Chat, options: argparse.Namespace) -> None:
    try:
        await limited(chat.connected(), options)
    except (asyncio.TimeoutError, TimeoutError):
        raise CommandError(f"The WebSocket at {options.ws_url}: {chat.error}.", UNAVAILABLE) from None


async def conversations(options: argparse.Namespace, printer: Printer) -> None:
    """List the conversations."""
    async with connected(options) as chat:
        await limited(chat.conversations.load(), options)
        while options.all and await limited(chat.conversations.load_more(), options):
            pass
        for row in chat.conversations.rows:
            printer.row(row)


async def open_(options: argparse.Namespace, printer: Printer) -> None:
    """Show a conversation, and send each line of standard input."""
    async with connected(options) as chat:
        room = await _room(chat, options)
        shown = _print_messages(room, printer, None)
        room.read()
        printing = asyncio.ensure_future(_print_until_the_end(room, printer, shown))
        sending = asyncio.ensure_future(_send_lines(room, options))
        try:
            done, _ = await asyncio.wait({printing, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (printing, sending):
                task.cancel()
            await asyncio.gather(printing, sending, return_exceptions=True)


async def _send_lines(room: Room, options: argparse.Namespace) -> None:
    async for line in lines():
        for text in pieces(line):
            await limited(room.send(text), options)


async def send(options: argparse.Namespace, printer: Printer) -> None:
    """Send a message, or standard input as messages."""
    is_piped = options.text == ["-"]
    if options.lines and not is_piped:
        raise CommandError("--lines needs - in place of the text.", USAGE)
    extra = {"reply_to": options.reply_to, "mentions": options.mention}
    async with connected(options) as chat:
        conversation_id = await _resolve(chat, options)
        room = chat.room(conversation_id)
        key = options.id or uuid.uuid4().hex
        number = 0
        async for text in _texts(options, is_piped):
            client_message_id = key if number == 0 else f"{key}.{number}"
            sent = await limited(room.send(text, client_message_id=client_message_id, **extra), options)
            number += 1
            if options.json:
                printer.json({"conversation_id": conversation_id, "sequence_id": sent.sequence_id})
        if number == 0:
            raise CommandError("There is no text on standard input.", USAGE)


async def tail(options: argparse.Namespace, printer: Printer) -> None:
    """Print the newest messages, and follow."""
    async with connected(options) as chat:
        room = await _room(chat, options)
        while len(room.messages) < options.count and await limited(room.older(), options):
            pass
        shown = _print_messages(room, printer, options.count)
        if options.follow:
            await _print_until_the_end(room, printer, shown)


async def tui(options: argparse.Namespace, _: Printer) -> None:
    """Run the terminal interface."""
    try:
        from .tui import ChatApp  # noqa: PLC0415 -- an extra of the package
    except ImportError:
        raise CommandError("Install the extra for it: pip install 'serverless-chat-client[tui]'.", USAGE) from None
    logging.getLogger("serverless_chat").addHandler(logging.NullHandler())  # not across the screen
    async with connected(options) as chat:
        conversation_id = None if options.conversation is None else await _resolve(chat, options)
        await limited(chat.conversations.load(), options)
        await ChatApp(chat, conversation_id).run_async()


async def history(options: argparse.Namespace, printer: Printer) -> None:
    """Print all messages."""
    async with connected(options) as chat:
        conversation_id, after = await _resolve(chat, options), options.after
        while after is not None:
            page = await limited(chat.history(conversation_id, after=after, limit=EXPORT_PAGE), options)
            for message in page.messages:
                printer.event(message)
            after = page.next_after


async def export(options: argparse.Namespace, printer: Printer) -> None:
    """Print all events of a conversation, or the user's own data."""
    async with connected(options) as chat:
        if options.conversation is None:
            async for page in _pages(chat, options):
                for kind in ("participant", "conversations", "messages"):
                    values = page.get(kind) or []
                    for value in values if isinstance(values, list) else [values]:
                        printer.json({"kind": kind.rstrip("s"), **value})
            return
        conversation_id = await _resolve(chat, options)
        after: int | None = 0
        while after is not None:
            query = {"after": after, "limit": EXPORT_PAGE}
            page = await limited(chat.api.get(path(conversation_id, "events"), query), options)
            for event in page["events"]:
                printer.json(event)
            after = page.get("next_after")


async def _pages(chat: Chat, options: argparse.Namespace) -> AsyncIterator[JsonObject]:
    cursor = None
    while True:
        page = await limited(chat.api.get("/me/export", {"cursor": cursor}), options)
        yield page
        if (cursor := page.get("next_cursor")) is None:
            return


async def _room(chat: Chat, options: argparse.Namespace) -> Room:
    return await limited(chat.open(await _resolve(chat, options)), options)


async def _resolve(chat: Chat, options: argparse.Namespace) -> str:
    """Return the id of the conversation that the user names by its id or name. Raises CommandError."""
    name: str = options.conversation
    if name.startswith("conv_"):
        await limited(chat.history(name, limit=1), options)  # an error by HTTP has a reason
        return name
    rows: list[Row] = await limited(chat.conversations.load(), options)
    while chat.conversations.has_more and not any(row.name == name for row in rows):
        await limited(chat.conversations.load_more(), options)
        rows = chat.conversations.rows
    found = [row.conversation_id for row in rows if row.name == name]
    if not found:
        raise CommandError(f"You are in no conversation with the title or participant {name!r}.", NOT_FOUND)
    if len(found) > 1:
        raise CommandError(f"{len(found)} conversations have the name {name!r}: use an id.", USAGE)
    return found[0]


def _print_messages(room: Room, printer: Printer, count: int | None) -> int:
    """Print the last messages of the view; return its position."""
    position = room.position
    messages: list[Message] = [message for message in room.messages if message.status == "sent"]
    for message in messages if count is None else messages[max(0, len(messages) - count) :]:
        printer.message(message)
    return position


async def _print_until_the_end(room: Room, printer: Printer, after: int) -> None:
    async for event in room.events():
        if event["sequence_id"] > after:
            printer.event(event)
    raise CommandError(f"The conversation has ended for you ({room.ended}).", NOT_FOUND)


async def _texts(options: argparse.Namespace, is_piped: bool) -> AsyncIterator[str]:
    """Yield the texts to send."""
    if not is_piped:
        yield " ".join(options.text)
    elif options.lines:
        async for line in lines():
            for text in pieces(line):
                yield text
    else:
        for text in pieces("".join([line async for line in lines()])):
            yield text


Command = Callable[[argparse.Namespace, Printer], Coroutine[Any, Any, None]]
COMMANDS: dict[str, Command] = {
    "login": login,
    "conversations": conversations,
    "open": open_,
    "send": send,
    "tail": tail,
    "history": history,
    "export": export,
    "tui": tui,
}
