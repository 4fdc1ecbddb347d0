"""Two tabs of one browser: the same user and the same storage."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.acting import field, message, new_tab, send
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.sockets import Relay
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only


_TAKEN_OVER = """({ now, later }) => {
  globalThis.ready = [];
  const chat = document.querySelector("serverless-chat");
  chat.addEventListener("chat-ready", ({ detail }) => ready.push(detail.participantId));
  chat.token = async () => (globalThis.isTakenOver ? later : now);
}"""
"""Lets the token callback return the token of another participant later."""


class Wire:
    """The WebSocket connections of a tab, which a test can make deaf or mute."""

    def __init__(self, page: Page, chat: WebChat) -> None:
        self.is_deaf = False
        """Whether nothing of the server arrives in the tab."""
        self.is_mute = False
        """Whether nothing of the tab arrives at the server."""
        page.route_web_socket(f"{chat.ready['ws_url']}**", self._join)

    def _join(self, route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def sent(frame: str | bytes) -> None:
            if not self.is_mute:
                server.send(frame)

        def received(frame: str | bytes) -> None:
            if not self.is_deaf:
                route.send(frame)

        route.on_message(sent)
        server.on_message(received)


def test_tabs_send_in_one_order_and_show_what_waits_in_either(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice, bob = people("alice-t1"), people("bob-t1")
    plan = alice.create_conversation("Plan", [bob])
    watch.expect("WebSocket|ERR_INTERNET_DISCONNECTED|Failed to load")
    first = open_page("alice-t1", f"/c/{plan}")
    second = new_tab(first, watch, f"{web_chat.web_url}#as=alice-t1&/c/{plan}")
    other = open_page("bob-t1", f"/c/{plan}")
    pages = (first, second, other)
    for page in pages:
        expect(page.get_by_text("2 online")).to_be_visible()
    for number, tab in enumerate((first, second, first, second)):
        send(tab, f"sent {number}")
        expect(message(other, f"sent {number}")).to_be_visible()
    for page in pages:
        expect(page.locator(".message-text")).to_have_text([f"sent {number}" for number in range(4)])

    first.context.set_offline(True)
    web_chat.drop_connections()
    texts = ["waits, of the first", "waits, of the second", "waits, of the first again"]
    for tab, shown, text in zip((first, second, first), (second, first, second), texts, strict=True):
        send(tab, text)
        expect(message(shown, text).last.locator(".pending")).to_be_visible()
    for tab in (first, second):
        expect(tab.locator(".pending")).to_have_text(texts)
    first.close()  # the tab that sends the messages of both
    second.context.set_offline(False)
    for page in (second, other):
        expect(page.locator(".message-text")).to_have_text([*(f"sent {number}" for number in range(4)), *texts])
        expect(page.locator(".pending")).to_have_count(0)


def test_message_on_its_way_when_its_tab_is_closed_arrives_once(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice, bob = people("alice-t2"), people("bob-t2")
    plan = alice.create_conversation("Plan", [bob])
    watcher = open_page("bob-t2", f"/c/{plan}")
    address = f"{web_chat.web_url}#as=alice-t2&/c/{plan}"
    last = open_page("alice-t2")  # a blank conversation: its window opens the tabs
    for number, problem in enumerate(("is_deaf", "is_mute")):
        sender = last.context.new_page()
        watch.add(sender)
        wire = Wire(sender, web_chat)
        last.close()  # the tab that sends is the only one now
        sender.goto(address)
        expect(sender.get_by_text("2 online")).to_be_visible()
        last = new_tab(sender, watch, address)
        expect(last.get_by_text("2 online")).to_be_visible()
        setattr(wire, problem, True)
        text = f"on its way {number}"
        send(sender, text)
        expect(message(sender, text).locator(".pending")).to_be_visible()
        if problem == "is_deaf":  # the server has it, but its acknowledgement does not arrive
            expect(message(watcher, text)).to_be_visible()
        else:
            expect(message(last, text).locator(".pending")).to_be_visible()
        sender.close()
        expect(message(watcher, text)).to_be_visible()
        expect(message(last, text)).to_be_visible()
        expect(message(last, text).locator(".pending")).to_have_count(0)
    assert [found["content"] for found in alice.list_messages(plan)] == ["on its way 0", "on its way 1"]


def test_draft_is_the_same_in_all_tabs_and_gone_when_one_has_sent_it(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice, bob = people("alice-t3"), people("bob-t3")
    work = alice.create_conversation("Work", [bob])
    home = alice.create_conversation("Home", [bob])
    first = open_page("alice-t3", f"/c/{work}")
    second = new_tab(first, watch, f"{web_chat.web_url}#as=alice-t3&/c/{work}")
    third = new_tab(first, watch, f"{web_chat.web_url}#as=alice-t3&/c/{home}")
    row = third.get_by_role("button", name=re.compile("^Work"))
    for tab in (first, second):
        expect(field(tab)).to_be_editable()
    expect(row).to_contain_text("No messages yet")

    field(first).press_sequentially("one thought")
    expect(field(second)).to_have_value("one thought")
    expect(row).to_contain_text("Draft: one thought")
    field(second).press_sequentially(", continued")
    expect(field(first)).to_have_value("one thought, continued")

    send(first, "one thought, sent")
    expect(field(second)).to_have_value("")
    expect(row).to_contain_text("You: one thought, sent")
    row.click()
    expect(field(third)).to_have_value("")
    second.reload()
    expect(message(second, "one thought, sent")).to_be_visible()
    expect(field(second)).to_have_value("")

    second.keyboard.press("i")
    second.keyboard.press("ArrowUp")
    expect(second.get_by_text("Editing a message")).to_be_visible()
    field(first).press_sequentially("the next thought")
    expect(field(third)).to_have_value("the next thought")
    expect(field(second)).to_have_value("one thought, sent")  # the text of the edit, which is no draft
    second.keyboard.press("Escape")
    expect(field(second)).to_have_value("the next thought")


def test_draft_that_was_sent_is_not_there_after_a_crash(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    work = people("alice-t4").create_conversation("Work")
    page = open_page("alice-t4", f"/c/{work}")
    field(page).press_sequentially("nearly lost")
    page.wait_for_function("() => Object.values(localStorage).includes('nearly lost')")
    stored = """() => new Promise((done) => {
      const field = document.querySelector("serverless-chat").shadowRoot.querySelector("textarea");
      const pressed = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
      field.dispatchEvent(pressed);
      done(Object.values(localStorage).includes("nearly lost"));
    })"""
    assert page.evaluate(stored) is False, "a tab that is killed now would offer the sent text again"
    expect(message(page, "nearly lost")).to_be_visible()


def test_token_of_another_participant_begins_their_session_and_leaves_the_former_texts_alone(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice, bob, carol = people("alice-t5"), people("bob-t5"), people("carol-t5")
    plan = alice.create_conversation("Plan", [bob, carol])
    watch.expect("WebSocket|Failed to load")
    relay = Relay()
    page = open_page("alice-t5", f"/c/{plan}", prepare=relay.attach)
    expect(page.get_by_text("1 online")).to_be_visible()
    page.evaluate(_TAKEN_OVER, {"now": alice.token, "later": bob.token})
    expect(page.get_by_text("1 online")).to_be_visible()
    relay.held_types.add("message")
    send(page, "on its way")
    expect(message(page, "on its way").locator(".pending")).to_be_visible()
    field(page).press_sequentially("a thought of Alice")

    relay.held_types.clear()
    page.evaluate("globalThis.isTakenOver = true")  # someone else signs in to the product, in another tab
    relay.end()
    page.wait_for_function("() => ready.at(-1) === 'bob-t5'")
    expect(field(page)).to_have_value("")
    expect(page.get_by_text("1 online")).to_be_visible()
    send(page, "a message of Bob")
    expect(message(page, "a message of Bob").locator(".author")).to_have_text("Bob")
    expect(page.locator(".pending")).to_have_count(0)
    assert [found["content"] for found in alice.list_messages(plan)] == ["a message of Bob"]

    back = new_tab(page, watch, f"{web_chat.web_url}#as=alice-t5&/c/{plan}")
    expect(field(back)).to_have_value("a thought of Alice")
    expect(message(back, "on its way").filter(has_not=back.locator(".pending"))).to_be_visible()
    authors = {found["content"]: found["sender"]["participant_id"] for found in alice.list_messages(plan)}
    assert authors == {"a message of Bob": "bob-t5", "on its way": "alice-t5"}
