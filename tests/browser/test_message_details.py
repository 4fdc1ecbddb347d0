"""Parts of messages that the tests of whole conversations pass by: days, emoji, reactions, copies."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.acting import field, message, open_action
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only


def test_messages_of_each_day_have_a_separator(people: People, open_page: OpenPage, web_chat: WebChat) -> None:
    alice, bob = people("alice-d1"), people("bob-d1")
    diary = alice.create_conversation("Diary", [bob])
    now = datetime.now(UTC)
    web_chat.date_back(diary, 1, now - timedelta(days=41))  # the notice of its creation
    for text, days in (("long ago", 40), ("of yesterday", 1), ("also of yesterday", 1)):
        sequence_id = bob.post_message(diary, text)["sequence_id"]
        web_chat.date_back(diary, sequence_id, now - timedelta(days=days))
    bob.post_message(diary, "of today")
    page = open_page("alice-d1", f"/c/{diary}", timezone_id="UTC")
    expect(message(page, "of today")).to_be_visible()
    long_ago = (now - timedelta(days=40)).strftime("%A, %B %-d")
    expect(page.get_by_text(re.compile(f"^{long_ago}"))).to_be_visible()
    expect(page.get_by_text("Yesterday", exact=True)).to_have_count(1)
    shown = page.locator(".message-viewport").inner_text()
    wanted = ("long ago", "Yesterday", "of yesterday", "also of yesterday", "Today", "of today")
    places = [shown.index(text) for text in wanted]
    assert places == sorted(places), shown
    # The first message of a day has a heading, also if the one before it is of the same author.
    expect(message(page, "of today").locator(".author")).to_have_text("Bob")
    expect(message(page, "also of yesterday").locator(".author")).to_have_count(0)


def test_emoji_of_the_picker_is_put_at_the_caret_of_the_draft(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-d2"), people("bob-d2")
    room = alice.create_conversation("Room", [bob])
    page, other = open_page("alice-d2", f"/c/{room}"), open_page("bob-d2", f"/c/{room}")
    field(page).fill("good morning")
    for key in ("Home", *["ArrowRight"] * 4):
        page.keyboard.press(key)
    page.get_by_role("button", name="Emoji", exact=True).click()
    page.get_by_role("searchbox", name="Search emoji").fill("party popper")
    page.get_by_role("button", name="party popper").first.click()
    expect(field(page)).to_have_value("good🎉 morning")
    expect(field(page)).to_be_focused()
    page.keyboard.type("!")
    expect(field(page)).to_have_value("good🎉! morning")
    for key in ("Shift+ArrowRight",) * len(" morning"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Emoji", exact=True).click()
    page.get_by_role("searchbox", name="Search emoji").fill("red heart")
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("good🎉!❤️")
    page.keyboard.press("Enter")
    expect(message(other, "good🎉!❤️")).to_be_visible()
    # A chosen emoji is offered first from now on, also after a reload.
    page.reload()
    page.get_by_role("button", name="Emoji", exact=True).click()
    expect(page.locator(".emoji-choice").first).to_have_text(re.compile("❤️|🎉"))


def test_reaction_is_removed_by_another_click(people: People, open_page: OpenPage) -> None:
    alice_client, bob_client = people("alice-d3"), people("bob-d3")
    room = alice_client.create_conversation("Room", [bob_client])
    bob_client.post_message(room, "well done")
    alice, bob = open_page("alice-d3", f"/c/{room}"), open_page("bob-d3", f"/c/{room}")
    shown = {page: message(page, "well done").locator(".reaction") for page in (alice, bob)}
    message(alice, "well done").hover()
    message(alice, "well done").get_by_role("button", name="React with 👍").click()
    expect(shown[bob]).to_have_text("👍1")
    expect(shown[bob]).to_have_attribute("aria-pressed", "false")
    shown[bob].click()
    for reactions in shown.values():
        expect(reactions).to_have_text("👍2")
        expect(reactions).to_have_attribute("aria-pressed", "true")
    shown[alice].click()
    expect(shown[bob]).to_have_text("👍1")
    expect(shown[alice]).to_have_attribute("aria-pressed", "false")
    message(bob, "well done").hover()
    message(bob, "well done").get_by_role("button", name="React with 👍").click()  # as the own reaction is there
    for reactions in shown.values():
        expect(reactions).to_have_count(0)


def test_copy_says_whether_the_browser_has_allowed_it(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-d4"), people("bob-d4")
    room = alice.create_conversation("Room", [bob])
    bob.post_message(room, "a **text** to copy")
    bob.post_message(room, "```\ncode\n```")
    allowed = open_page("alice-d4", f"/c/{room}", permissions=["clipboard-read", "clipboard-write"])
    open_action(allowed, "to copy", "Copy text")
    expect(allowed.locator(".toast")).to_contain_text("Copied")
    assert allowed.evaluate("navigator.clipboard.readText()") == "a **text** to copy"
    message(allowed, "to copy").focus()
    allowed.evaluate("navigator.clipboard.writeText('')")
    allowed.keyboard.press("c")
    allowed.wait_for_function("async () => (await navigator.clipboard.readText()) === 'a **text** to copy'")

    refused = (
        """navigator.clipboard.writeText = async () => { throw new DOMException("no", "NotAllowedError"); };"""
    )
    page = open_page("alice-d4", f"/c/{room}", script=refused)
    open_action(page, "to copy", "Copy text")
    expect(page.locator(".toast")).to_contain_text("That did not work.")
    page.locator(".toast").get_by_role("button", name="Dismiss").click()
    page.locator(".code-block").hover()
    page.get_by_role("button", name="Copy code").click()
    expect(page.locator(".toast")).to_contain_text("That did not work.")
    expect(page.get_by_text("Copied")).to_have_count(0)
    expect(page.get_by_role("button", name="Copied")).to_have_count(0)
