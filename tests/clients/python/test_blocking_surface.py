"""`serverless_chat.blocking` has every public name of the asyncio client, with the same parameters."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Iterator

import pytest
import serverless_chat
from serverless_chat import blocking

URLS = ("http://127.0.0.1:9", "ws://127.0.0.1:9")
EXCEPTIONS = {
    "Bot": "a program of its own: `asyncio.run(bot.run())` waits, and the function that answers is a coroutine",
    "Chat.link": "the client itself calls it",
    "Room.waiting": "the client itself calls it",
    "Room.notify": "the client itself calls it",
    "Room.end": "`Room.close` and `Chat.close` call it",
    "ConversationList.added": "the bot and the command line call it",
    "ConversationList.compare": "the client itself calls it",
    "ConversationList.pushed": "the client itself calls it",
    "ConversationList.room_changed": "the client itself calls it",
    "ConversationList.close": "`Chat.close` calls it",
    "ConversationList.online": "`Chat.online` calls it",
    "Changes.emit": "the client itself calls it",
    "Changes.close": "`Room.close` and `Chat.close` call it",
    "Api.get_with_history": "the list calls it",
    "Api.post_batch": "the client itself calls it",
    "Api.probe": "the client itself calls it",
    "Api.with_headers": "`Service.acting_for` calls it",
    "Api.close": "`Chat.close` and `Service.close` call it",
}
"""Names without a counterpart, each with the reason."""
CLASSES = ["Acting", "Api", "Changes", "Chat", "ConversationList", "Room", "Service"]


@functools.cache
def asynchronous() -> dict[str, object]:
    """Return an instance of each class of the asyncio client."""

    async def make() -> dict[str, object]:
        chat = serverless_chat.Chat(*URLS, lambda: "a token")
        service = serverless_chat.Service(URLS[0], lambda: "a token")
        room = chat.room("conv_a")
        found = [chat, chat.api, chat.changes, chat.conversations, room, service, service.acting_for("alice")]
        await chat.close()
        await service.close()
        return {type(instance).__name__: instance for instance in found}

    return asyncio.run(make())


@functools.cache
def synchronous() -> dict[str, object]:
    """Return an instance of each class of the blocking client."""
    chat, service = blocking.Chat(*URLS, lambda: "a token"), blocking.Service(URLS[0], lambda: "a token")
    room = chat.room("conv_a")
    found = [chat, chat.api, chat.changes, chat.conversations, room, service, service.acting_for("alice")]
    chat.close()
    service.close()
    return {type(instance).__name__: instance for instance in found}


def names(instance: object) -> set[str]:
    """Return the public methods, properties and attributes."""
    return {name for name in {*dir(type(instance)), *vars(instance)} if not name.startswith("_")}


def missing_parameters(name: str, former: object, later: object) -> Iterator[str]:
    """Yield the parameters of a method that its counterpart does not take."""
    theirs, ours = (inspect.signature(method).parameters for method in (former, later))  # type: ignore[arg-type]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in ours.values()):
        yield from (f"{name}({parameter})" for parameter in theirs if parameter not in ours)


def has_coroutines(kind: type) -> bool:
    members = [value for owner in kind.__mro__ for value in vars(owner).values()]
    return any(inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value) for value in members)


def test_every_class_with_coroutines_has_a_blocking_counterpart() -> None:
    public = {name for name in serverless_chat.__all__ if has_coroutines(getattr(serverless_chat, name))}
    assert set(blocking.__all__) == set(CLASSES)
    assert public - set(CLASSES) == {name for name in EXCEPTIONS if "." not in name}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_public_name_has_a_blocking_counterpart(kind: str) -> None:
    former, later = asynchronous()[kind], synchronous()[kind]
    missing = {f"{kind}.{name}" for name in names(former) - names(later)}
    assert missing == {name for name in EXCEPTIONS if name.startswith(f"{kind}.")}
    parameters = [
        found
        for name in sorted(names(former) & names(later))
        if inspect.ismethod(getattr(former, name))
        for found in missing_parameters(f"{kind}.{name}", getattr(former, name), getattr(later, name))
    ]
    assert parameters == []


def test_names_of_the_blocking_client_are_those_of_the_asyncio_client() -> None:
    """A name that only the facade has would be one more to learn."""
    former, later = asynchronous(), synchronous()
    assert {f"{kind}.{name}" for kind in CLASSES for name in names(later[kind]) - names(former[kind])} == set()
