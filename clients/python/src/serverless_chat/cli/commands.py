"""The commands, each a coroutine."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import logging
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from ..api import path
from ..chat import Chat
from ..core.outputs import JsonObject
from ..room import Room
from . import interrupts, profiles
from .errors import UNAVAILABLE, USAGE, CommandError
from .following import print_messages, print_until_the_end, tail
from .pieces import pieces
from .printing import Printer
from .reading import lines
from .session import connected, limited, load_all, open_room, resolve

EXPORT_PAGE = 100


async def login(options: argparse.Namespace, printer: Printer) -> None:
    """Store a profile, after the server has accepted its token."""
    token = None
    if not options.token_command:
        token = (_typed_token() if sys.stdin.isatty() else await anext(lines(), "")).strip()
        if not token:
            raise CommandError("There is no token on standard input.", USAGE)
    profile = profiles.Profile(options.http_url, options.ws_url, token, options.token_command)
    async with Chat(profile.http_url, profile.ws_url, profile.fetch_token) as chat:
        await limited(chat.api.get("/conversations", {"limit": 1}), options)
        await _connected_within(chat, options)
    profiles.save(options.config, options.profile, profile)
    printer.text(f"Stored as profile {options.profile!r} in {options.config}.")


def _typed_token() -> str:
    """Return what the user types, or nothing if they end the input; Ctrl+C ends the command."""
    with interrupts.handled(signal.default_int_handler), suppress(EOFError):
        return getpass.getpass("Token: ")
    return ""


async def _connected_within(chat: Chat, options: argparse.Namespace) -> None:
    try:
        await limited(chat.connected(), options)
    except (asyncio.TimeoutError, TimeoutError):
        raise CommandError(f"The WebSocket at {options.ws_url}: {chat.error}.", UNAVAILABLE) from None


async def conversations(options: argparse.Namespace, printer: Printer) -> None:
    """List the conversations."""
    async with connected(options) as chat:
        rows = await (load_all(chat, options) if options.all else limited(chat.conversations.load(), options))
        for row in rows:
            printer.row(row)


async def create(options: argparse.Namespace, printer: Printer) -> None:
    """Create a conversation, and print its id."""
    participants = [_participant(text) for text in options.participants]
    async with connected(options) as chat:
        room = await limited(chat.create(options.title, participants), options)
        if options.json:
            printer.json({"conversation_id": room.id})
        else:
            printer.text(room.id)


def _participant(text: str) -> JsonObject:
    """Return the participant of `ID=NAME`, or of an id, which is shown as the name then."""
    participant_id, _, name = text.rpartition("=")
    if not participant_id or not name:  # an id can end with =
        participant_id = name = text
    return {"participant_id": participant_id, "name": name}


async def open_(options: argparse.Namespace, printer: Printer) -> None:
    """Show a conversation, and send each line of standard input."""
    async with connected(options) as chat:
        room = await open_room(chat, options)
        shown = print_messages(room, printer, None)
        room.read()
        printing = asyncio.ensure_future(print_until_the_end(room, printer, shown))
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
        conversation_id = await resolve(chat, options)
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


async def tui(options: argparse.Namespace, _: Printer) -> None:
    """Run the terminal interface."""
    try:
        from .tui import ChatApp  # noqa: PLC0415 -- an extra of the package
    except ImportError:
        raise CommandError("Install the extra for it: pip install 'serverless-chat-client[tui]'.", USAGE) from None
    logging.getLogger("serverless_chat").addHandler(logging.NullHandler())  # not across the screen
    async with connected(options) as chat:
        conversation_id = None if options.conversation is None else await resolve(chat, options)
        await limited(chat.conversations.load(), options)
        app = ChatApp(chat, conversation_id)
        with interrupts.terminable(app.exit):
            await app.run_async()


async def history(options: argparse.Namespace, printer: Printer) -> None:
    """Print all messages."""
    async with connected(options) as chat:
        conversation_id, after = await resolve(chat, options), options.after
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
        conversation_id = await resolve(chat, options)
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
    "create": create,
    "open": open_,
    "send": send,
    "tail": tail,
    "history": history,
    "export": export,
    "tui": tui,
}
