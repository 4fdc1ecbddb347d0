"""The chat of a command: its profile, its time limit, and the conversation that the user names."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from ..chat import Chat
from ..core.row import Row
from ..room import Room
from . import profiles
from .errors import NOT_FOUND, USAGE, CommandError

T = TypeVar("T")


@contextlib.asynccontextmanager
async def connected(options: argparse.Namespace) -> AsyncIterator[Chat]:
    """Yield the chat of the profile."""
    profile = profiles.load(options.config, options.profile)
    async with Chat(profile.http_url, profile.ws_url, profile.fetch_token) as chat:
        yield chat


async def limited(work: Awaitable[T], options: argparse.Namespace) -> T:
    """Wait for an answer of the server as long as the user wants. Raises TimeoutError."""
    return await asyncio.wait_for(work, options.timeout)


async def open_room(chat: Chat, options: argparse.Namespace) -> Room:
    """Open the conversation that the user names. Raises CommandError."""
    return await limited(chat.open(await resolve(chat, options)), options)


async def resolve(chat: Chat, options: argparse.Namespace) -> str:
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


async def load_all(chat: Chat, options: argparse.Namespace) -> list[Row]:
    """Load the whole list of conversations."""
    await limited(chat.conversations.load(), options)
    while await limited(chat.conversations.load_more(), options):
        pass
    return chat.conversations.rows
