"""The page under the finger, and on very small screens: everything can be reached, and nothing covers a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import field, message, open_menu
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.sockets import Relay
from tests.browser.states.variants import PHONE
from tests.browser.watching import Watch
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only
TOUCH: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
_SMALL_FIELDS = """() => {
  const root = document.querySelector("serverless-chat").shadowRoot;
  const fields = [...root.querySelectorAll("input:not([type=checkbox]), textarea, select")];
  return [fields.length, fields.filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16).length];
}"""
_COVERED = """() => {
  const root = document.querySelector("serverless-chat").shadowRoot;
  const readers = root.querySelector(".readers");
  const text = readers.closest("article").querySelector(".message-text p");
  const range = document.createRange();
  const covered = [];
  for (let length = 1; length < 120; length++) {
    text.textContent = "x".repeat(length);
    range.selectNodeContents(text);
    const { left, top } = readers.getBoundingClientRect();
    const isCovered = ({ right, bottom }) => right > left && bottom > top;
    if ([...range.getClientRects()].some(isCovered)) covered.push(length);
  }
  return covered;
}"""


def test_fields_are_large_enough_for_safari(people: People, open_page: OpenPage) -> None:
    created = people("alice-y1").create_conversation("Fields")
    for viewport in (PHONE, {"width": 844, "height": 390}):
        page = open_page("alice-y1", f"/c/{created}", **{**TOUCH, "viewport": viewport})
        expect(field(page)).to_be_visible()
        page.get_by_role("button", name="Members", exact=True).tap()
        page.get_by_role("button", name="Invite links").tap()
        expect(page.get_by_role("spinbutton")).to_be_visible()
        count, small = page.evaluate(_SMALL_FIELDS)
        assert count >= 6
        assert small == 0


def test_conversation_is_pinned_under_the_finger(people: People, open_page: OpenPage) -> None:
    alice = people("alice-y2")
    for title in ("First", "Second"):
        alice.create_conversation(title)
    page = open_page("alice-y2", **TOUCH)
    opener = page.get_by_role("button", name="Actions for First")
    expect(opener).to_be_visible()
    box, time = opener.bounding_box(), page.locator(".conversation-time").last.bounding_box()
    assert box and time
    assert time["x"] + time["width"] <= box["x"], "the button covers the time"
    assert min(box["width"], box["height"]) >= 40
    opener.tap()
    page.get_by_role("menuitem", name="Pin").tap()
    expect(page.locator(".conversation-title")).to_have_text(["First", "Second"])


def test_panel_does_not_cover_the_conversation_that_is_opened(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-y3"), people("bob-y3")
    first, _ = (alice.create_conversation(title, [bob]) for title in ("First", "Second"))
    page = open_page("alice-y3", **TOUCH)
    row, panel = page.get_by_role("button", name=re.compile("^First")), page.get_by_role("complementary")
    row.tap()
    page.get_by_role("button", name="Members", exact=True).tap()
    expect(panel).to_be_visible()
    page.go_back()
    page.get_by_role("button", name=re.compile("^Second")).tap()
    expect(field(page)).to_be_visible()
    expect(panel).to_have_count(0)
    page.get_by_role("button", name="Members", exact=True).tap()
    open_menu(page, "Bob", "Message")
    expect(page.get_by_role("heading", name="Bob", level=1)).to_be_visible()
    expect(panel).to_have_count(0)

    insult = bob.post_message(first, "an insult")["sequence_id"]
    alice.post(f"/conversations/{first}/messages/{insult}/report", {"reason": "It is rude."})
    page.go_back()
    page.go_back()
    row.tap()
    page.get_by_role("button", name="Members", exact=True).tap()
    page.get_by_role("button", name="Reports").tap()
    page.get_by_role("button", name="Show", exact=True).tap()
    expect(panel).to_have_count(0)
    expect(message(page, "an insult")).to_be_in_viewport()


def test_message_behind_the_panel_is_not_read(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-y8"), people("bob-y8")
    log = alice.create_conversation("Log", [bob])
    page = open_page("alice-y8", f"/c/{log}", **TOUCH)
    page.get_by_role("button", name="Members", exact=True).tap()
    expect(page.get_by_role("heading", name="Details")).to_be_visible()
    for number in (1, 2):
        bob.post_message(log, f"behind the panel {number}")
        expect(page).to_have_title(f"({number}) Chat")
    page.get_by_role("complementary").get_by_role("button", name="Close").tap()
    expect(page).to_have_title("Chat")


@pytest.mark.parametrize("width", [360, 768])
def test_banner_covers_neither_the_way_back_nor_the_title(
    people: People, open_page: OpenPage, watch: Watch, width: int
) -> None:
    tag = f"alice-y7{width}"
    created = people(tag).create_conversation("Offline")
    watch.expect("WebSocket|Failed to load")
    relay = Relay()
    size = {"width": width, "height": 740}
    page = open_page(tag, f"/c/{created}", prepare=relay.attach, **{**TOUCH, "viewport": size}, locale="de-DE")
    expect(page.get_by_text("1 online")).to_be_visible()
    page.context.set_offline(True)
    relay.cut()
    banner, header = page.locator(".banner"), page.locator(".conversation-header")
    expect(banner).to_contain_text("Du bist offline.")
    above, below = banner.bounding_box(), header.bounding_box()
    assert above and below
    assert above["y"] + above["height"] <= below["y"]
    expect(page.get_by_role("textbox", name="Nachricht an Offline")).to_be_in_viewport(ratio=1)


def in_window(page: Page, selector: str) -> bool:
    """Return whether an element is in the window as a whole."""
    box, size = page.locator(selector).bounding_box(), page.viewport_size
    assert box and size
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] + box["height"] <= size["height"]
    )


@pytest.mark.parametrize("size", [(320, 256), (640, 360)], ids=["zoom of 400 %", "turned phone"])
def test_emoji_picker_is_in_the_window(people: People, open_page: OpenPage, size: tuple[int, int]) -> None:
    tag = f"alice-y4{size[0]}"
    created = people(tag).create_conversation("Small")
    page = open_page(tag, f"/c/{created}", viewport={"width": size[0], "height": size[1]})
    page.get_by_role("button", name="Emoji").click()
    page.locator(".emoji-group .emoji-choice").first.wait_for()
    assert in_window(page, ".popover")


def test_long_name_in_a_toast_is_in_the_window(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-y5"), people("bob-y5")
    club = alice.create_conversation("Club", [bob])
    bob.leave(club)
    page = open_page("alice-y5", f"/c/{club}", **TOUCH)
    page.get_by_role("button", name="Members", exact=True).tap()
    page.get_by_role("complementary").get_by_role("button", name="Add").tap()
    page.get_by_role("textbox", name="Participant id").fill(bob.id)
    page.get_by_role("textbox", name="Name", exact=True).fill("x" * 100)
    page.get_by_role("dialog").get_by_role("button", name="Add").tap()
    expect(page.locator(".toast")).to_be_visible()
    assert in_window(page, ".toast")


def test_readers_cover_no_text(people: People, open_page: OpenPage) -> None:
    alice = people("alice-y6")
    readers = [people(f"reader{number}-y6") for number in range(6)]
    log = alice.create_conversation("Log", readers)
    last = alice.post_message(log, "read by all")["sequence_id"]
    for reader in readers:
        reader.put(f"/conversations/{log}/read", {"sequence_id": last}).expect(200)
    page = open_page("alice-y6", f"/c/{log}", **TOUCH)
    expect(page.locator(".more-readers")).to_be_visible()
    assert page.evaluate(_COVERED) == []
