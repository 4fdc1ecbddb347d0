"""The component in the page of a product, on another origin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

from tests.browser.http_server import QuietHandler, served_by
from tests.browser.selection import whole_only
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
_FILLS = """(selector) => {
  const element = document.querySelector(selector);
  const frame = element.shadowRoot.querySelector(".frame");
  const { padding } = getComputedStyle(frame);
  return frame.clientHeight === element.clientHeight && padding === "0px";
}"""


@contextmanager
def served(html: str) -> Iterator[str]:
    """Serve a document on a port of this machine: a page of a network may not contact it. Yield its address."""

    class Handler(QuietHandler):
        def get(self) -> None:
            body = html.encode() if self.path == "/" else b""
            self.answer(200, body, ("Content-Type", "text/html; charset=utf-8"))

    with served_by(Handler) as origin:
        yield f"{origin}/"


def open_product(browser: Browser, chat: WebChat, user: TestClient, markup: str, script: str = "") -> Page:
    """Open a page of a product that contains `markup`, in which every component gets the user's token."""
    html = f"""<!doctype html><html lang="en"><title>Product</title>
      <style>html, body {{ height: 100%; margin: 0 }}</style>
      <script type="module" src="{chat.web_url}serverless-chat.js"></script>{markup}
      <script type="module">
        globalThis.events = [];
        for (const chat of document.querySelectorAll("serverless-chat")) {{
          for (const name of ["chat-ready", "chat-select", "chat-unread", "chat-error"])
            chat.addEventListener(name, ({{ detail }}) => events.push([name, detail]));
          chat.token = async () => {json.dumps(user.token)};
        }}
        {script}
      </script>"""
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    with served(html) as address:
        page.goto(address)
    return page


def addresses(chat: WebChat) -> str:
    return f'http-url="{chat.ready["http_url"]}" ws-url="{chat.ready["ws_url"]}"'


def test_component_shows_both_views_and_emits_events(browser: Browser, web_chat: WebChat, people: People) -> None:
    alice, bob = people("alice-c1"), people("bob-c1")
    shop = alice.create_conversation("Shop", [bob])
    alice.post_message(shop, "welcome")
    style = """<style>
      serverless-chat { --chat-accent: rgb(1, 120, 60) }
      serverless-chat::part(list) { border-block-start: 7px solid }
    </style>"""
    markup = f"{style}<serverless-chat {addresses(web_chat)}></serverless-chat>"
    page = open_product(browser, web_chat, bob, markup)
    badge = page.get_by_role("button", name="Shop").locator(".badge")
    expect(badge).to_have_css("background-color", "rgb(1, 120, 60)")
    expect(page.locator(".list")).to_have_css("border-top-width", "7px")
    page.get_by_role("button", name="Shop").click()
    expect(page.get_by_role("article").last).to_contain_text("welcome")
    page.wait_for_function("() => events.some(([name, detail]) => name === 'chat-unread' && detail.count === 1)")
    events = [tuple(event) for event in page.evaluate("() => events.map(([n, d]) => [n, JSON.stringify(d)])")]
    assert ("chat-ready", '{"participantId":"bob-c1"}') in events
    assert ("chat-select", json.dumps({"conversationId": shop}, separators=(",", ":"))) in events
    page.close()


def test_list_and_conversation_are_separate_components_that_the_page_joins(
    browser: Browser, web_chat: WebChat, people: People
) -> None:
    alice = people("alice-c2")
    one = alice.create_conversation("One")
    alice.post_message(one, "the only message")
    both = (
        f'<serverless-chat id="list" view="list" {addresses(web_chat)}></serverless-chat>'
        f'<serverless-chat id="room" view="conversation" {addresses(web_chat)}></serverless-chat>'
    )
    join = """document.querySelector("#list").addEventListener("chat-select", ({ detail }) =>
      document.querySelector("#room").setAttribute("conversation-id", detail.conversationId));"""
    page = open_product(browser, web_chat, alice, both, join)
    expect(page.locator("#list").get_by_role("article")).to_have_count(0)
    page.locator("#list").get_by_role("button", name="One").first.click()
    expect(page.locator("#room").get_by_role("article").last).to_contain_text("the only message")
    expect(page.locator("#room").get_by_role("navigation")).to_have_count(0)
    for view in ("#list", "#room"):
        assert page.evaluate(_FILLS, view), f"the component {view} is not as large as its element"
    page.evaluate("() => document.activeElement.shadowRoot.activeElement.blur()")
    page.keyboard.press("i")
    expect(page.locator("#room").get_by_role("textbox", name="Message One")).to_be_focused()
    page.locator("#room").get_by_role("button", name="Emoji").focus()
    page.keyboard.press("Control+k")
    expect(page.locator("#list").get_by_role("searchbox")).to_be_focused()
    page.close()


def test_failed_token_callback_is_shown_and_can_be_repeated(
    browser: Browser, web_chat: WebChat, people: People
) -> None:
    alice = people("alice-c3")
    alice.create_conversation("Later")
    fails = """const chat = document.querySelector("serverless-chat");
      const working = chat.token;
      let calls = 0;
      chat.token = async () => { if (!calls++) throw new Error("not signed in"); return working(); };"""
    markup = f"<serverless-chat {addresses(web_chat)}></serverless-chat>"
    page = open_product(browser, web_chat, alice, markup, fails)
    expect(page.get_by_role("alert")).to_contain_text("The chat cannot be opened.")
    assert page.evaluate("() => events.some(([name]) => name === 'chat-error')")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Later")).to_be_visible()
    page.close()


@whole_only
def test_hidden_component_marks_nothing_as_read_and_counts_nothing_after_the_sign_out(
    browser: Browser, web_chat: WebChat, people: People
) -> None:
    alice, bob = people("alice-c4"), people("bob-c4")
    shop = alice.create_conversation("Shop", [bob])
    alice.post_message(shop, "welcome")
    page = open_product(
        browser,
        web_chat,
        bob,
        f'<serverless-chat conversation-id="{shop}" {addresses(web_chat)}></serverless-chat>',
    )
    expect(page.get_by_role("article").last).to_contain_text("welcome")
    unread = "events.filter(([name]) => name === 'chat-unread').at(-1)[1].count"
    page.wait_for_function(f"() => {unread} === 0")
    page.evaluate("() => { document.querySelector('serverless-chat').hidden = true }")  # a drawer that is closed
    alice.post_message(shop, "not seen")
    page.wait_for_function(f"() => {unread} === 1")
    page.evaluate("() => { dispatchEvent(new Event('focus')) }")
    alice.post_message(shop, "not seen either")
    page.wait_for_function(f"() => {unread} === 2")
    page.evaluate("() => document.querySelector('serverless-chat').signOut()")
    assert page.evaluate(unread) == 0
    page.close()
