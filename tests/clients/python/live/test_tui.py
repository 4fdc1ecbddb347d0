"""The terminal interface, by keys, on a real chat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace

import pytest
from rich.console import Console
from serverless_chat import Chat, Message, Room
from serverless_chat.cli.tui import ChatApp
from serverless_chat.cli.tui.messages import MessageItem, MessageList
from serverless_chat.cli.tui.text import message_view, row_text
from serverless_chat.core.row import Row
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Label, ListView, TextArea

from tests.clients.python.fake_server import Server
from tests.clients.python.listed import entry
from tests.clients.python.live.server import LiveServer

LONGEST = 120.0
"""Seconds after which a test hangs: on a busy machine, a server alone can take ten to start."""
HOSTILE = "a\x1b]0;title\x07 <b>kept</b> **bold** \u202eevil"


def shown(renderable: object, width: int = 60) -> str:
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


class Screen:
    """The terminal of a user, and their keys."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app, self._pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self.press(*("space" if key == " " else key for key in text))

    async def select_newest(self, content: str) -> None:
        """Move from the field to the newest message.

        A key goes to the widget that has the focus when it is handled. `press` does not wait for that: it ends
        when the process seems to be idle, as it does while others use the processor.
        """
        await self.press("shift+tab")
        await self.until(lambda: self.messages.has_focus)
        await self.press("end")
        await self.until(lambda: self.selected == content)

    async def resize(self, width: int, height: int) -> None:
        await self._pilot.resize_terminal(width, height)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._pilot.pause()
            await asyncio.sleep(0.01)  # other processes answer meanwhile

    @property
    def messages(self) -> MessageList:
        return self.app.query_one(MessageList)

    @property
    def text(self) -> str:
        """The messages as text."""
        views = (message_view(item.message, None) for item in self.messages.query(MessageItem))
        return "\n".join(shown(view) for view in views)

    @property
    def contents(self) -> list[str | None]:
        return [item.message.content for item in self.messages.items]

    @property
    def selected(self) -> str | None:
        """The content of the selected message."""
        message = self.messages.selected
        return None if message is None else message.content

    @property
    def is_writing(self) -> bool:
        """Whether keys go to the field."""
        return bool(self.app.query_one("#composer").has_focus)

    @property
    def rows(self) -> str:
        listed = self.app.query_one("#list", ListView)
        return "\n".join(str(label.render()) for label in listed.query(Label))

    @property
    def state(self) -> str:
        return str(self.app.query_one("#state", Label).render())

    @property
    def draft(self) -> str:
        return self.app.query_one("#composer", TextArea).text


@contextlib.asynccontextmanager
async def screen(chat: Chat, conversation_id: str | None = None) -> AsyncIterator[Screen]:
    await chat.conversations.load()
    app = ChatApp(chat, conversation_id)
    async with app.run_test(size=(100, 30)) as pilot:
        yield Screen(app, pilot)


def run(server: LiveServer, steps: Callable[[Screen, Room], Coroutine[object, object, None]]) -> None:
    """Run steps with Alice's screen and Bob's room of one conversation."""
    conversation_id = server.create("Tui")

    async def talk() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob:
            room = await bob.open(conversation_id)
            async with screen(alice, conversation_id) as seen:
                await seen.until(lambda: seen.messages.is_mounted and alice.opened(conversation_id) is not None)
                await seen.until(lambda: seen.is_writing)
                await steps(seen, room)

    asyncio.run(asyncio.wait_for(talk(), LONGEST))


def test_messages_are_sent_edited_answered_and_deleted_by_keys(server: LiveServer) -> None:
    async def steps(seen: Screen, bob: Room) -> None:
        await seen.type("hi bob")
        await seen.press("ctrl+j")
        await seen.type("there")
        await bob.changes.until(lambda _: [typist["participant_id"] for typist in bob.typists] == ["alice"])
        await seen.press("enter")
        await bob.changes.until(lambda messages: [m.content for m in messages] == ["hi bob\nthere"])
        await bob.send("hello **alice**")
        await seen.until(lambda: seen.contents == ["hi bob\nthere", "hello **alice**"])
        assert "hello alice" in seen.text
        await seen.select_newest("hello **alice**")
        await seen.press("r")
        await seen.until(lambda: "reply to Bob: hello" in seen.state and seen.is_writing)
        await seen.type("yes")
        await seen.press("enter")
        messages = await bob.changes.until(lambda messages: len(messages) == 3)
        assert (messages[2].content, messages[2].reply_to) == ("yes", messages[1].sequence_id)
        await seen.until(lambda: len(seen.contents) == 3)
        await seen.select_newest("yes")
        await seen.press("e")
        await seen.until(lambda: seen.draft == "yes" and seen.is_writing)
        await seen.type("!")
        await seen.press("enter")
        await bob.changes.until(lambda messages: messages[2].content == "yes!")
        await seen.select_newest("yes!")
        await seen.press("d")
        await bob.changes.until(lambda messages: messages[2].is_deleted)
        await seen.until(lambda: "(deleted)" in seen.text)

    run(server, steps)


def test_reaction_is_added_and_removed_by_the_same_key(server: LiveServer) -> None:
    async def steps(seen: Screen, bob: Room) -> None:
        await bob.send("react to this")
        await seen.until(lambda: seen.contents == ["react to this"])
        await seen.select_newest("react to this")
        await seen.press("1")
        await bob.changes.until(lambda messages: [r.emoji for r in messages[0].reactions] == ["👍"])
        await seen.until(lambda: "👍 1" in seen.text)
        await seen.press("1")
        await bob.changes.until(lambda messages: not messages[0].reactions)

    run(server, steps)


def test_typing_of_others_and_their_messages_are_shown_and_read(server: LiveServer) -> None:
    async def steps(seen: Screen, bob: Room) -> None:
        bob.typing()
        await seen.until(lambda: "Bob typing" in seen.state)
        sent = await bob.send("done")
        await seen.until(lambda: "typing" not in seen.state and seen.contents == ["done"])
        await bob.changes.until(
            lambda _: any(
                person["participant_id"] == "alice" and person.get("read_up_to") == sent.sequence_id
                for person in bob.participants
            )
        )

    run(server, steps)


def test_earlier_messages_are_fetched_at_the_top_and_the_place_stays(server: LiveServer) -> None:
    conversation_id = server.create("Long")

    async def talk() -> None:
        async with server.chat("bob") as bob:
            room = await bob.open(conversation_id)
            await asyncio.gather(*(room.send(str(number)) for number in range(70)))
        async with server.chat("alice") as alice, screen(alice, conversation_id) as seen:
            await seen.until(lambda: len(seen.contents) == 50)
            await seen.until(lambda: seen.messages.is_at_end)
            await seen.select_newest("69")
            await seen.press("home")
            await seen.until(lambda: len(seen.contents) == 70 and seen.selected == "20")
            assert seen.contents == [str(number) for number in range(70)]

    asyncio.run(asyncio.wait_for(talk(), LONGEST))


def test_list_shows_unread_messages_and_a_narrow_window_shows_one_part(server: LiveServer) -> None:
    conversation_id = server.create("Here")
    other_id = server.create("Elsewhere")

    async def talk() -> None:
        async with (
            server.chat("alice") as alice,
            server.chat("bob") as bob,
            screen(alice, conversation_id) as seen,
        ):
            await seen.until(lambda: seen.is_writing)
            room = await bob.open(other_id)
            await room.send("look here")
            await seen.until(lambda: "Elsewhere  1\nBob: look here" in seen.rows)
            await seen.resize(50, 20)
            listed = seen.app.query_one("#list", ListView)
            await seen.until(lambda: not listed.display and bool(seen.messages.size.width > 40))
            await seen.press("ctrl+l")
            await seen.until(lambda: listed.display and listed.has_focus)
            await seen.press("home", "enter")  # the latest message is there
            await seen.until(lambda: seen.contents == ["look here"] and not listed.display)
            await seen.until(lambda: "Elsewhere" in seen.rows and "Elsewhere  1" not in seen.rows)
            await seen.until(lambda: seen.app.title.startswith("Elsewhere"))

    asyncio.run(asyncio.wait_for(talk(), LONGEST))


def test_refused_message_is_shown_as_failed_and_discarded_by_a_key(server: LiveServer) -> None:
    conversation_id = server.create("Muted")

    async def talk() -> None:
        async with server.chat("alice") as alice, server.chat("bob") as bob, screen(bob, conversation_id) as seen:
            await seen.until(lambda: seen.is_writing)
            body = {"muted_for": 3600}
            path = f"/conversations/{conversation_id}/participants"
            await alice.api.request("PATCH", path, body, {"participant_id": "bob"})
            await seen.type("let me")
            await seen.press("enter")
            await seen.until(lambda: "not sent: MUTED" in seen.text)
            await seen.select_newest("let me")
            await seen.press("d")
            await seen.until(lambda: seen.contents == [])
            room = bob.opened(conversation_id)
            assert room is not None
            room.queue("again", client_message_id="key")
            await seen.until(lambda: "not sent: MUTED" in seen.text)
            await seen.press("end")
            await seen.until(lambda: seen.selected == "again")
            room.discard("key")
            assert seen.selected == "again"  # the screen follows later
            seen.app.action_delete()
            await seen.until(lambda: seen.contents == [])

    asyncio.run(asyncio.wait_for(talk(), LONGEST))


def test_text_and_enter_that_arrive_together_are_sent(server: LiveServer) -> None:
    async def steps(seen: Screen, bob: Room) -> None:
        for character in "all of it":
            seen.app.post_message(events.Key("space" if character == " " else character, character))
        seen.app.post_message(events.Key("enter", "\r"))
        await bob.changes.until(lambda messages: [m.content for m in messages] == ["all of it"])
        await seen.until(lambda: seen.draft == "")

    run(server, steps)


def test_direct_conversation_has_the_name_of_the_other_participant() -> None:
    other = {"participant_id": "bob", "name": "Bob Cratchit", "type": "human"}
    row = Row("conv_a", "", 0, 0, 1, "", direct=True, other=other)
    assert "Bob Cratchit" in shown(row_text(row))
    assert "(direct)" in shown(row_text(replace(row, other=None))), "he was erased"


def test_text_neither_acts_on_the_terminal_nor_hides() -> None:
    sender = {"participant_id": "bob", "name": "Bob\x1b[31m"}
    message = Message("sent", 2, None, None, "2026-11-29T12:00:00.000Z", sender, HOSTILE)
    text = shown(message_view(message, None))
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "<b>kept</b> bold" in text
    row = Row(
        "conv_a", HOSTILE, 3, 0, 3, "", {"created_at": "", "content": HOSTILE, "sender": sender}, pinned=True
    )
    assert "\x1b]" not in shown(row_text(row))


@pytest.mark.parametrize("content", ["&#8238;gnp.exe", "# &#x202e;gnp.exe", "| &#x2066;a |\n|---|", "*&rlm;a*"])
def test_entities_of_markdown_are_no_way_around_the_escapes(content: str) -> None:
    message = Message("sent", 2, None, None, "2026-11-29T12:00:00.000Z", {"name": "Bob"}, content)
    text = shown(message_view(message, None))
    assert not set(text) & set("\u202e\u2066\u200f")
    assert "\\u20" in text


@pytest.mark.parametrize(
    "content", ["one\ntwo", "```\ncode\n```", "| a | b |\n|---|---|\n| 1 | 2 |", "[a](javascript:x)"]
)
def test_markdown_is_shown_with_all_of_its_words(content: str) -> None:
    message = Message("sent", 2, None, None, "2026-11-29T12:00:00.000Z", {"name": "Bob"}, content)
    text = shown(message_view(message, None))
    words = {"one\ntwo": ["one", "two"], "```\ncode\n```": ["code"]}.get(content, ["a"])
    assert all(word in text for word in words)
    assert "\x1b]8" not in text


class ListApp(App[None]):
    """A list of messages alone."""

    def compose(self) -> ComposeResult:
        yield MessageList()


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("kept", [0, 1])
def test_list_is_complete_after_a_change_of_it_was_cancelled(kept: int, turns: int) -> None:
    sender = {"participant_id": "bob", "name": "Bob"}
    messages = [
        Message("sent", number, None, None, "2026-11-29T12:00:00.000Z", sender, str(number))
        for number in range(1, 4)
    ]

    async def change() -> None:
        app = ListApp()
        async with app.run_test():
            shown = app.query_one(MessageList)
            await shown.show(messages)
            cancelled = asyncio.create_task(shown.show(messages[:kept]))
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled.cancel()
            await shown.show(messages)
            assert [item.message for item in shown.items] == messages

    asyncio.run(asyncio.wait_for(change(), LONGEST))


@pytest.mark.parametrize("turns", range(12))
def test_message_that_is_shown_while_the_screen_ends_is_no_error(turns: int) -> None:
    """The screen ends a while after the key: by then, no widget can be added, and a traceback would be printed."""
    sender = {"participant_id": "bob", "name": "Bob"}
    first, second = (
        Message("sent", number, None, None, "2026-11-29T12:00:00.000Z", sender, "text") for number in (1, 2)
    )

    async def end() -> None:
        app = ListApp()
        async with app.run_test():
            shown = app.query_one(MessageList)
            await shown.show([first])
            showing = asyncio.create_task(shown.show([second]))
            for _ in range(turns):
                await asyncio.sleep(0)
            app.exit()
            await showing

    asyncio.run(asyncio.wait_for(end(), LONGEST))


@pytest.mark.parametrize("turns", range(12))
def test_list_that_is_shown_while_the_screen_ends_is_no_error(turns: int) -> None:
    server = Server()
    server.page = {"conversations": [entry(2)]}

    async def end() -> None:
        async with server.chat() as chat:
            await chat.conversations.load()
            app = ChatApp(chat)
            async with app.run_test():  # its end raises the errors of the screen
                await chat.conversations.changes.until(bool)
                server.page = {"conversations": [entry(3)]}
                await chat.conversations.load()
                for _ in range(turns):
                    await asyncio.sleep(0)
                app.exit()
                for _ in range(20):
                    await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(end(), LONGEST))
